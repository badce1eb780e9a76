#!/usr/bin/env bash
# check_types.sh TOOLS WEB FLATC SCHEMA: the page's TypeScript, against what flatc makes of its schema.
set -euo pipefail
tools=$1 web=$2 flatc=$3 schema=$4
cd "$tools"
rm -rf src schema
cp -r "$web/src" src
"$flatc" --ts -o schema "$schema"
cat >tsconfig.json <<TEXT
{"extends": "$web/tsconfig.json",
 "compilerOptions": {"paths": {"live-schema/*": ["./schema/starling/live/*"]}}, "include": ["src"]}
TEXT
node_modules/.bin/tsc -p .
