#!/bin/sh
# The pipeline of this example. Signalbox runs it once for a change, with the service and its tag in the environment,
# and shows its stages; at the gate it waits for a person's "proceed".
set -eu

echo "::stage Fetch"
release=releases/$SIGNALBOX_TAG_1/service.py
if ! [ -f "$release" ]; then
    echo "$release is not there: was it built?"
    exit 1
fi

echo "::stage Check"
python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read())' "$release"
sh "$SIGNALBOX_GATE" hand-over "Hand over to $SIGNALBOX_TAG_1?"

echo "::stage Hand over"
./service use "$SIGNALBOX_TAG_1"
