"""`python -m seed`: the same as `flask --app wsgi seed`."""

import sys

from wsgi import app

sys.exit(app.cli.main(args=["seed", *sys.argv[1:]], prog_name="seed"))
