#!/usr/bin/env bash
# The wheel in an empty environment, with the source tree out of sight: installs, looks up, fits.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
wheel=$(ls "$root"/dist/vademecum-*.whl)
place=$(mktemp -d "$root/.cache/release.XXXXXX")
trap 'rm -rf "$place"' EXIT
"${PYTHON:-python3}" -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet -c "$root/constraints.txt" torch
"$place/venv/bin/pip" install --quiet -c "$root/constraints.txt" "$wheel"
if [ -f /etc/os-release ] && "$place/venv/bin/python" -c 'import sys, torch; sys.exit(0 if torch.version.cuda is None else 1)'; then
    if "$place/venv/bin/pip" list 2>/dev/null | grep -iE '^(nvidia|cuda|triton)'; then
        echo "the wheel pulled CUDA packages beside torch's CPU build" >&2
        exit 1
    fi
fi
cd "$place"
"$place/venv/bin/python" - <<'PY'
import sys, vademecum
assert "site-packages" in vademecum.__file__, vademecum.__file__
PY
"$place/venv/bin/vade" list norm
"$place/venv/bin/vade" fit --set epochs=3 --out "$place/run"
test -s "$place/run/report.html"
test -s "$place/run/model.safetensors"
echo "the wheel works: $(basename "$wheel")"
