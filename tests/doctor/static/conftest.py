"""The programs in ``healthy`` are read by a test, never imported."""

collect_ignore_glob = ["healthy/*"]
