#!/bin/bash
# resources.sh NVCC LIBRARY   Registers, shared memory and local memory of every kernel in LIBRARY, and its size, as a page: docs/cuda.md is
#   cuda/resources.sh "$(command -v nvcc)" build/cuda/libvqz_cuda.a > docs/cuda.md
set -euo pipefail
tool=$(dirname "$(readlink -f "$1")")/cuobjdump
echo "# What the kernels take"
echo
echo "By cuda/resources.sh, from $("$1" --version | sed -n 's/.*release \([0-9.]*\).*/nvcc \1/p'). Registers of a thread and bytes of shared memory of a block for each architecture;"
echo "bytes of local memory of a thread (stack and spilled registers) on the worst of them."
echo
echo "| kernel | sm_75 | sm_80 | sm_86 | sm_89 | sm_90 | shared | local |"
echo "|---|---|---|---|---|---|---|---|"
"$tool" -res-usage "$2" 2>/dev/null | awk '
    /arch =/ { arch = $NF }
    /Function / { name = $2; sub(/:$/, "", name) }
    /REG:/ && name {
        for (i = 1; i <= NF; i++) { split($i, f, ":"); value[f[1]] = f[2] }
        if (match(name, /vqz_[a-z0-9_]+[a-z0-9]/)) {
            short = substr(name, RSTART, RLENGTH)
            length_ = name; sub(/^_Z/, "", length_); short = substr(short, 1, length_ + 0)
            regs[short, arch] = value["REG"]; shared[short] = value["SHARED"]
            local_ = value["LOCAL"] + value["STACK"]; if (local_ > most[short]) most[short] = local_
            seen[short] = 1
        }
        name = ""
    }
    END {
        n = split("sm_75 sm_80 sm_86 sm_89 sm_90", archs, " ")
        for (k in seen) {
            line = "| `" k "` |"
            for (i = 1; i <= n; i++) line = line " " regs[k, archs[i]] " |"
            print line " " shared[k] " | " most[k] + 0 " |"
        }
    }' | sort
echo
echo "Code for these architectures and PTX for newer ones: $("$(dirname "$0")/fatbin-size.sh" "$2") bytes."
