#!/bin/sh
# GCC for a machine without AVX.
exec gcc "$@" -mno-avx512f -mno-avx2 -mno-avx -mno-fma
