"""What a new interpreter runs in place of a forked process: ``python -c "... import fresh" FOLDER``."""

import sys
from pathlib import Path

from .child import main, warm

if sys.argv[0] == "-c" and len(sys.argv) == 2:
    del sys.path[0]  # the place of this package, put there for this import
    if sys.path[:1] == [""]:
        del sys.path[0]
    warm()
    main(Path(sys.argv[1]))
