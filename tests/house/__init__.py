"""Tests that keep the house: who imports whom, sizes, words, fresh files, docs that tell everything."""
