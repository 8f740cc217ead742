#!/bin/bash
# resources.sh NVCC FOLDER   Registers, shared memory and spills of every kernel, as ptxas told when vqz_cuda was built in FOLDER, and the size of the code, as a
# page. docs/cuda.md is
#   cuda/resources.sh "$(command -v nvcc)" build/cuda > docs/cuda.md
set -euo pipefail
shopt -s nullglob
logs=("$2"/*.ptxas)
[ ${#logs[@]} -gt 0 ] || { echo "resources.sh: no logs of ptxas in $2" >&2; exit 1; }
size=$(objdump -h "$2/libvqz_cuda_parts.a" | awk '$2 == ".nv_fatbin" { print "0x" $3 }' | { sum=0; while read -r n; do sum=$((sum + n)); done; echo $sum; })
echo "# What the kernels take"
echo
echo "Made by cuda/resources.sh, from what ptxas of $("$1" --version | sed -n 's/.*release \([0-9.]*\).*/nvcc \1/p') says: registers of a thread on each architecture, bytes of shared memory of a"
echo "block, bytes of a thread's stack, bytes spilled (stores and loads) where most are."
echo
echo "| kernel | sm_75 | sm_80 | sm_86 | sm_89 | sm_90 | shared | stack | spilled |"
echo "|---|---|---|---|---|---|---|---|---|"
awk '
    /Compiling entry function/ {
        name = $0; sub(/.*function .(_Z)?/, "", name); sub(/.*[^0-9a-z_A-Z].*/, "&", name)
        arch = $0; sub(/.* for ./, "", arch); sub(/[^a-z0-9_].*/, "", arch)
        digits = name; sub(/[^0-9].*/, "", digits)
        name = substr(name, length(digits) + 1, digits + 0)
    }
    /bytes stack frame/ {
        if ($1 + 0 > stack[name]) stack[name] = $1 + 0
        if ($5 + $9 > spilled[name]) spilled[name] = $5 + $9
    }
    /Used [0-9]+ registers/ {
        for (i = 1; i <= NF; i++) {
            if ($i == "Used") registers[name, arch] = $(i + 1)
            if ($i ~ /^smem/) shared[name] = $(i - 2)
        }
        seen[name] = 1
    }
    END {
        n = split("sm_75 sm_80 sm_86 sm_89 sm_90", archs, " ")
        for (k in seen) {
            line = "| `" k "` |"
            for (i = 1; i <= n; i++) line = line " " registers[k, archs[i]] " |"
            print line " " shared[k] + 0 " | " stack[k] + 0 " | " spilled[k] + 0 " |"
        }
    }' "${logs[@]}" | LC_ALL=C sort
echo
# a few bytes of it are names of files, as long as their folder's
echo "All in all about $(((size + 5000) / 10000 * 10)) kB of code for these architectures and PTX for newer ones."
