#!/bin/sh
# GCC for a machine without AVX-512.
exec gcc "$@" -mno-avx512f
