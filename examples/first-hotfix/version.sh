#!/bin/sh
# The "cluster" of this example: one line for each instance that runs.
exec ./service instances
