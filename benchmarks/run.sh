#!/usr/bin/env bash
# Run one benchmark beside its peers: benchmarks/run.sh api|estimation|simulation|forecasting|ingest|faults
# The peers go into an environment of their own, above the project's, so that they never change what we ship.
set -euo pipefail
cd "$(dirname "$0")/.."
name="${1:?usage: make bench NAME=api|estimation|simulation|forecasting|ingest|faults}"
[ -f "benchmarks/$name.py" ] || { echo "no benchmark named $name: $(cd benchmarks && ls ./*.py)" >&2; exit 2; }

python=.venv/bin/python
requirements="benchmarks/requirements-$name.txt"
if [ -f "$requirements" ]; then
  peers=".venv/bench-$name"
  if [ ! -f "$peers/.installed" ] || [ "$requirements" -nt "$peers/.installed" ] || [ requirements.lock -nt "$peers/.installed" ]; then
    .venv/bin/uv venv -q --clear --python .venv/bin/python "$peers"
    overrides="benchmarks/overrides-$name.txt"  # where a peer does not accept a version that we lock
    [ -f "$overrides" ] || overrides=/dev/null
    VIRTUAL_ENV="$peers" .venv/bin/uv pip install -q -r requirements.lock -r "$requirements" --override "$overrides"
    VIRTUAL_ENV="$peers" .venv/bin/uv pip install -q --no-deps -e .
    touch "$peers/.installed"
  fi
  python="$peers/bin/python"
fi

mkdir -p benchmarks/out
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
exec "$python" "benchmarks/$name.py"
