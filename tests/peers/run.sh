#!/usr/bin/env bash
# Other packages through our laws, in an environment of their own: they are never dependencies.
# Their requirements are left out (--no-deps): what they ask for would pull CUDA builds beside torch's CPU build.
set -euo pipefail
cd "$(dirname "$0")/../.."
venv=.venv-peers
test -x $venv/bin/python || "${PYTHON:-python3}" -m venv $venv
$venv/bin/pip install --quiet -c constraints.txt torch
$venv/bin/pip install --quiet -c constraints.txt -e '.[dev]'
$venv/bin/pip install --quiet --no-deps labml-nn==0.5.1 labml==0.5.3 labml-helpers==0.4.89
$venv/bin/pip install --quiet --no-deps kornia==0.9.0 kornia_rs==0.2.0
$venv/bin/pip install --quiet -c constraints.txt "lightning>=2.6.4" "transformers>=4.50"
$venv/bin/pytest -m peer "$@"
