#!/bin/bash
# test_faults.sh VQZ SHIM: every allocation, of other libraries too, and every kind of system call fails once (tests/fault_shim.c). The program
# must end with its result, the right one, or with exit 1, a message and nothing under the final name; never with a signal or, where it is
# built with AddressSanitizer, a leak. Environment: EVERY=N takes only every Nth allocation.
models=$(realpath conformance/models)
valid=$(realpath conformance/valid)
photo=$(realpath tests/data/small.jpg)
shim=$(realpath "$2")
# shellcheck source=tests/program.sh
. "$(dirname "$0")/program.sh"
every=${EVERY:-1}
export ASAN_OPTIONS=verify_asan_link_order=0:allocator_may_return_null=1 LSAN_OPTIONS=exitcode=99 VQZ_FAULT_COUNT="$dir/count"

# faulty FAULT COMMAND...: in folder work, which is empty before
faulty() {
    local fault=$1
    shift
    rm -rf work
    mkdir work
    timeout 60 env VQZ_FAULT="$fault" LD_PRELOAD="$shim" "$@" >out 2>err </dev/null
}
# check FAULT COMMAND...: outcome of a faulty run; what it should have written is in reference/
check() {
    local fault=$1 code f
    faulty "$@"
    code=$?
    shift
    case $code in
    0)
        diff -r reference work >differences || bad "$fault: exit 0, but $(head -c 200 differences): ${*/#$vqz/vqz}"
        same reference.out out
        ;;
    1)
        grep -q '^vqz: ' err || bad "$fault: exit 1 without a message: ${*/#$vqz/vqz}"
        grep -q 'VQZ_ERR_CORRUPT\|VQZ_ERR_INTERNAL\|VQZ_ERR_TRUNCATED' err && bad "$fault: the file is blamed: $(head -1 err)"
        for f in $(cd work && find . -type f); do
            cmp -s "work/$f" "reference/$f" || bad "$fault: exit 1 and a wrong $f: ${*/#$vqz/vqz}"
        done
        ;;
    *) bad "$fault: exit $code: ${*/#$vqz/vqz}: $(head -c 600 err)" ;;
    esac
    leftovers work
    return $code
}
# begin COMMAND...: a run without a fault, as reference; counts calls of KIND
begin() {
    faulty "$1:0" "${@:2}" || bad "without a fault: exit $?: $(cat err)"
    rm -rf reference
    mv work reference
    mv out reference.out
    count=$(cat count)
}
# all KIND COMMAND...
all() {
    local kind=$1 n step=1 failed=0
    begin "$@"
    [ "$kind" != alloc ] || step=$every
    for ((n = 1; n <= count; n += step)); do check "$kind:$n" "${@:2}" || failed=$((failed + 1)); done
    [ "$count" -gt 0 ] || bad "no $kind calls were seen: ${*:2}"
    [ "$failed" -gt 0 ] || [ "$kind" = thread ] || bad "none of $count $kind faults made this fail: ${*:2}"
    echo "${*:2} [$kind]: $count calls, $failed failures" | sed "s#$vqz#vqz#; s#$valid/##g; s#$models/##g"
}

picture 40 30 >a.ppm
run 0 "$vqz" encode -q 97 -o a.vqz a.ppm
plain=(--model "$models/plain.vqzm")
for kind in exif xmp; do run 0 "$vqz" decode "${plain[@]}" -o $kind.png "$valid/meta-$kind.vqz"; done
# XMP that is worth compressing: 400 times x
{ head -c 2 "$photo"; printf '\377\341\001\257http://ns.adobe.com/xap/1.0/\000'; printf 'x%.0s' {1..400}; tail -c +3 "$photo"; } >xmp.jpg
run 0 "$vqz" encode xmp.jpg
mkdir -p tree/sub
cp a.ppm tree/one.ppm
cp exif.png tree/sub/two.png

run 0 "$vqz" encode -q 97 --manifest list.tsv -o a.vqz a.ppm

# ---- allocations
all alloc "$vqz" encode -j 1 -q 97 -o work/a.vqz a.ppm
all alloc "$vqz" encode -j 3 -e 5 -o work/a.vqz xmp.jpg
for kind in exif xmp; do all alloc "$vqz" encode -j 1 -o work/a.vqz $kind.png; done
all alloc "$vqz" encode --target-psnr 30 -o work/a.vqz a.ppm
all alloc "$vqz" encode --jobs 1 -o work/new tree
all alloc "$vqz" encode --jobs 2 --include '*' --shard 0/1 --manifest second.tsv -o work/new tree
all alloc "$vqz" manifest verify list.tsv .
all alloc "$vqz" decode -j 1 -o work/a.png a.vqz
all alloc "$vqz" decode -j 3 --format y4m -o work/a.y4m a.vqz
all alloc "$vqz" decode -o work/a.png xmp.vqz
for kind in exif xmp; do all alloc "$vqz" decode "${plain[@]}" -o work/a.png "$valid/meta-$kind.vqz"; done
all alloc "$vqz" decode "${plain[@]}" -o work/a.ppm "$valid/orientation-6.vqz"
all alloc "$vqz" decode "${plain[@]}" -o work/a.pam "$valid/rgb-alpha-65x63.vqz"
all alloc "$vqz" info --json a.vqz
all alloc "$vqz" verify -v a.vqz
all alloc "$vqz" compare a.ppm a.vqz
all alloc "$vqz" models
! "$vqz" verify --sandbox a.vqz 2>/dev/null || all alloc "$vqz" decode --sandbox -o work/a.png a.vqz

# ---- threads and files
picture 200 300 >tiles.ppm
run 0 "$vqz" encode --tile-size 128 -o tiles.vqz tiles.ppm
all thread "$vqz" decode -j 4 -o work/a.ppm tiles.vqz
for kind in read write open fsync close rename; do
    all $kind "$vqz" encode --jobs 1 -q 97 -o work/new tree
    begin $kind "$vqz" encode --jobs 2 -q 97 --manifest second.tsv -o work/new tree
    for n in 1 2 3; do check $kind:$n "$vqz" encode --jobs 2 -q 97 --manifest second.tsv -o work/new tree; done      # in each process
    all $kind "$vqz" decode -o work/a.ppm a.vqz
done
for kind in encode decode; do
    if [ $kind = encode ]; then command=("$vqz" encode -o work/a.vqz "$photo"); else command=("$vqz" decode -o work/a.ppm a.vqz); fi
    begin "none" "${command[@]}"
    size=$(wc -c <reference/a.*)
    for n in 0 1 $((size / 2)) $((size - 1)); do
        check "full:$n" "${command[@]}" && bad "a full disk was not noticed"
        says "No space left on device"
        [ -z "$(ls -A work)" ] || bad "a full disk left $(ls -A work)"
    done
    check interrupt:0 "${command[@]}" || bad "EINTR and single bytes: $(cat err)"
done

# ---- SIGKILL: what has its final name is whole, and the next run finishes
for i in 1 2 3 4; do cp a.ppm tree/more$i.ppm; done
begin stop "$vqz" encode --jobs 1 -q 97 -o work/new tree
[ "$count" -ge 6 ] || bad "only $count writes in a folder of 6"
for n in 1 2 4 6; do
    faulty stop:$n "$vqz" encode --jobs 1 -q 97 -o work/new tree
    [ "$(find work -name '*.vqz' -not -name '.*' | wc -l)" -eq $((n - 1)) ] || bad "SIGKILL at file $n left $(find work -type f)"
    for f in $(cd work && find . -name '*.vqz' -not -name '.*'); do same "work/$f" "reference/$f"; done
    if [ $n = 4 ]; then resume=--resume said='exists already'; else resume='' said='is up to date'; fi
    run 0 "$vqz" encode -v $resume -q 97 -o work/new tree
    [ "$(grep -c "$said" err)" -eq $((n - 1)) ] || bad "finished files were done again: $(cat err)"
    find work -name '.*.??????' -delete
    diff -r reference work || bad "the rerun after SIGKILL"
done

# ---- a process that dies costs its file and no other
faulty stop:2 "$vqz" encode --jobs 2 -q 97 -o work/new tree
[ $? -eq 1 ] || bad "exit $? where processes died"
[ "$(grep -c 'the process that worked on it died: Killed' err)" -ge 2 ] || bad "nobody tells of processes that died: $(cat err)"
grep -q "of 6 files, $(grep -c died err) failed" err || bad "the summary: $(cat err)"
for f in $(cd work && find . -name '*.vqz' -not -name '.*'); do same "work/$f" "reference/$f"; done
find work -name '.*.??????' -delete
run 0 "$vqz" encode -q 97 -o work/new tree
diff -r reference work || bad "the rerun after processes died"

# ---- --delete-source: whatever fails, the picture is there, as a source or as a file that decodes to it
lossless() { rm -rf source && mkdir source && cp a.ppm source/; }
for kind in read write open fsync close rename alloc; do
    lossless
    begin $kind "$vqz" encode --jobs 1 --lossless --delete-source -o work/new source
    step=1
    [ $kind != alloc ] || step=$((every * 3))
    for ((n = 1; n <= count; n += step)); do
        lossless
        faulty $kind:$n "$vqz" encode --jobs 1 --lossless --delete-source -o work/new source
        code=$?
        if [ -e source/a.ppm ]; then
            same source/a.ppm a.ppm
            [ $code -eq 1 ] || bad "$kind:$n: exit $code and the source is there: $(cat err)"
        else
            [ $code -eq 0 ] || bad "$kind:$n: exit $code and the source is gone: $(cat err)"
            identical a.ppm work/new/a.vqz
        fi
    done
done

finish
