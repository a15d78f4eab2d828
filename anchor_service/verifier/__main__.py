"""`python -m anchor_service.verifier`: the verifier alone."""

import sys

from anchor_service.verifier.command import main

if __name__ == "__main__":
    sys.exit(main())
