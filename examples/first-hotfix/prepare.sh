#!/bin/sh
# Builds the three releases of cart-service that the walk-through needs, from one source: a real one, whose sum forgets
# an item; the hotfix; and a second hotfix, made in a hurry.
set -eu
cd "$(dirname "$0")"

release() { # TAG SUM
    mkdir -p "releases/$1"
    sed -e "s/@TAG@/$1/g" -e "s/@TOTAL@/$2/" service.py.in >"releases/$1/service.py"
    echo "releases/$1/service.py"
}

release 24-02-05.619 "sum(prices[1:])"
release 24-02-05.619-hotfix.627 "sum(prices)"
release 24-02-05.619-hotfix.628 "sum(p.amount for p in prices)"
