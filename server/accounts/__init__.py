"""Accounts: who people, posts and devices are, and what they may do. One blueprint for all its endpoints."""

from flask import Blueprint

bp = Blueprint("accounts", __name__, url_prefix="/api/v1")
