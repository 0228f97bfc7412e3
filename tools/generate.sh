#!/usr/bin/env bash
# From specs/ to everything that is generated: the bundles that the API serves, the pydantic contract, the pages.
set -euo pipefail
cd "$(dirname "$0")/.."
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true
pages=api/gridjobs_api/pages
mkdir -p "$pages"

npx redocly bundle specs/openapi/gridjobs.yaml --output "$pages/openapi.json" >/dev/null 2>&1
node tools/bundle_asyncapi.mjs specs/asyncapi/gridjobs.yaml "$pages/asyncapi.json"

.venv/bin/datamodel-codegen \
  --input "$pages/openapi.json" --input-file-type openapi --output jobs/gridjobs/contract/models.py \
  --output-model-type pydantic_v2.BaseModel --target-python-version 3.11 \
  --use-annotated --use-standard-collections --use-union-operator --field-constraints \
  --use-schema-description --use-field-description --enum-field-as-literal all --use-double-quotes \
  --disable-timestamp --formatters ruff-format \
  --custom-file-header '"""Generated from specs/ by `make generate`: do not edit."""'

# What the documentation pages run on, with the licences beside it: served by the API itself, without any network.
assets="$pages/assets"
mkdir -p "$assets"
# Redoc shows a picture of its maker from a content network: this page asks nobody but us.
sed "s|https://cdn.redoc.ly/redoc/logo-mini.svg|data:,|g" node_modules/redoc/bundles/redoc.standalone.js > "$assets/redoc.standalone.js"
cp node_modules/redoc/LICENSE "$assets/redoc.LICENSE.txt"
cp node_modules/redoc/bundles/redoc.standalone.js.LICENSE.txt "$assets/redoc.standalone.js.LICENSE.txt"
component=node_modules/@asyncapi/react-component
cp "$component/browser/standalone/index.js" "$assets/asyncapi.standalone.js"
cp "$component/styles/default.min.css" "$assets/asyncapi.min.css"
cp "$component/LICENSE" "$assets/asyncapi.LICENSE.txt"
cp "$component/browser/standalone/index.js.LICENSE.txt" "$assets/asyncapi.standalone.js.LICENSE.txt"
