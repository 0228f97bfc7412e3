"""The HTTP face of Gridjobs."""

import warnings

# connexion imports starlette's test client, which complains, wherever it runs, about the HTTP library it finds.
warnings.filterwarnings("ignore", message="Using `httpx` with `starlette.testclient`")
