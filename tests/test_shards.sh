#!/bin/bash
# test_shards.sh VQZ: shares of a folder, who says which one, and manifests.
# shellcheck source=tests/program.sh
. "$(dirname "$0")/program.sh"
unset SLURM_ARRAY_TASK_ID SLURM_ARRAY_TASK_MIN SLURM_ARRAY_TASK_STEP SLURM_ARRAY_TASK_COUNT OMPI_COMM_WORLD_RANK OMPI_COMM_WORLD_SIZE JOB_COMPLETION_INDEX

picture 40 30 >b.ppm
mkdir -p photos/sub
for i in $(seq 10 39); do cp b.ppm photos/$i.ppm; done
for i in $(seq 40 49); do cp b.ppm photos/sub/$i.ppm; done
cp b.ppm photos/sub/45.pnm               # the same output as 45.ppm: the share must be the same

# ---- each file is in one share, which its name decides
for n in 1 2 3 7 50; do
    : >taken
    for ((i = 0; i < n; i++)); do
        run 0 "$vqz" encode --dry-run --exclude '*.pnm' --shard $i/$n photos -o web
        [ "$(head -1 err)" = "vqz: share $i of $n (0 to $((n - 1)); --shard $i/$n): $(wc -l <out) of 40 files" ] || bad "first line: $(head -1 err)"
        cat out >>taken
        [ $n != 3 ] || mv out share.$i
    done
    [ "$(sort -u taken | wc -l)" -eq 40 ] && [ "$(wc -l <taken)" -eq 40 ] || bad "$n shares take $(wc -l <taken) files, $(sort -u taken | wc -l) of them different"
done
for i in 0 1 2; do [ "$(wc -l <share.$i)" -ge 6 ] || bad "share $i of 3 has $(wc -l <share.$i) of 40 files"; done
(cd photos && run 0 "$vqz" encode --dry-run --exclude '*.pnm' --shard 1/3 . -o ../elsewhere && sed -i 's#^\./##; s# -> .*##' out && mv out ../moved)
sed 's#^photos/##; s# -> .*##' share.1 | cmp -s - moved || bad "where the folder is changes the shares"
for i in 0 1 2 3 4; do "$vqz" encode --dry-run --shard $i/5 photos -o web 2>/dev/null; done >out 2>&1
[ "$(grep -c sub/45 out)" -eq 1 ] || bad "two shares make one file: $(grep sub/45 out)"
for shard in 3/3 1 1/ /3 a/3 1/0 -1/3 1/3x 0/1000001 ""; do run 2 "$vqz" encode --dry-run --shard "$shard" photos -o web; done

# ---- auto
auto() {   # auto CODE TEXT OPTIONS... -- VARIABLES...
    local code=$1 text=$2 options=()
    shift 2
    while [ "$1" != -- ]; do options+=("$1"); shift; done
    shift
    run "$code" env "$@" "$vqz" encode --dry-run --shard auto "${options[@]}" photos --exclude '*.pnm' -o web
    says "$text"
}
slurm="SLURM_ARRAY_TASK_MIN=3 SLURM_ARRAY_TASK_STEP=2 SLURM_ARRAY_TASK_COUNT=4"
# shellcheck disable=SC2086
{
    auto 0 "share 0 of 4 (0 to 3; --shard auto)" -- SLURM_ARRAY_TASK_ID=3 $slurm
    auto 0 "share 3 of 4" -- SLURM_ARRAY_TASK_ID=9 $slurm
    auto 2 "not below the number of shares" -- SLURM_ARRAY_TASK_ID=11 $slurm
    auto 2 "must fit" -- SLURM_ARRAY_TASK_ID=4 $slurm
    auto 2 "must fit" -- SLURM_ARRAY_TASK_ID=1 $slurm
    auto 2 "two systems" -- SLURM_ARRAY_TASK_ID=3 $slurm OMPI_COMM_WORLD_RANK=0 OMPI_COMM_WORLD_SIZE=4
    auto 2 "not the number" --shards 5 -- SLURM_ARRAY_TASK_ID=3 $slurm
}
auto 2 "needs _MIN, _STEP and _COUNT" -- SLURM_ARRAY_TASK_ID=3
auto 0 "share 1 of 2" -- OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=2
auto 0 "share 1 of 2" --shards 2 -- OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=2
auto 2 "not both numbers" -- OMPI_COMM_WORLD_RANK=1
auto 0 "share 4 of 5" --shards 5 -- JOB_COMPLETION_INDEX=4
auto 2 "add --shards N" -- JOB_COMPLETION_INDEX=4
auto 2 "not below" --shards 4 -- JOB_COMPLETION_INDEX=4
auto 2 "is not a number" --shards 4 -- JOB_COMPLETION_INDEX=x
auto 2 "nothing says which share" --shards 4 -- HOME=/
run 0 env OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=2 "$vqz" encode --dry-run --exclude '*.pnm' photos -o web      # only when asked
[ "$(wc -l <out)" -eq 40 ] || bad "the environment divides what nobody asked to divide"
run 2 "$vqz" encode --shards 4 photos -o web
run 2 "$vqz" encode --shards 4 --shard 1/4 photos -o web

# ---- manifests
rm photos/sub/45.pnm
head -c 200 b.ppm >photos/cut.ppm
run 1 "$vqz" encode -q 60 --manifest lists/m.tsv photos -o web
says "lists/m.tsv: cannot write lists/m.tsv: No such file"
absent web
mkdir lists
for i in 0 1 2; do run 0 "$vqz" encode -q 60 --shard $i/3 --keep-going --manifest lists/m.tsv photos -o web; done
[ -z "$(find lists -name '.*' -type f)" ] || bad "left: $(ls -A lists)"
exists lists/m.0-of-3.tsv lists/m.1-of-3.tsv lists/m.2-of-3.tsv
run 0 "$vqz" manifest merge -o all.tsv lists/m.2-of-3.tsv lists/m.0-of-3.tsv lists/m.1-of-3.tsv
[ "$(grep -c $'^done\t\|^current\t' all.tsv)" -eq 40 ] && [ "$(grep -c '^failed' all.tsv)" -eq 1 ] || bad "merged: $(cat all.tsv)"
run 1 "$vqz" manifest verify all.tsv web
prints "40 of 41 files are as they were made"
says "vqz: cut.ppm: was not made: the file ends early"
rm photos/cut.ppm
run 0 "$vqz" encode -q 60 --manifest one.tsv photos -o web
run 0 "$vqz" manifest verify one.tsv web
prints "40 of 40"
[ "$(grep -c '^current' one.tsv)" -eq 40 ] || bad "an unsharded run does files of shares again"
for i in 0 1 2; do run 0 "$vqz" encode -q 60 --shard $i/3 --manifest lists/m.tsv photos -o web; done
run 0 "$vqz" manifest merge -o all.tsv lists/*
diff one.tsv all.tsv || bad "three shares and a whole run have different manifests"
for i in 0 1 2; do run 0 "$vqz" encode -q 60 --jobs $((i + 1)) --shard $i/3 --manifest again.tsv photos -o again; done
run 0 "$vqz" manifest merge -o more.tsv again.*
diff <(sed 's/^done/current/' more.tsv) all.tsv || bad "other shares, other files"
run 1 "$vqz" manifest merge -o bad.tsv lists/m.0-of-3.tsv lists/m.1-of-3.tsv
says "share 2 of 3 is missing"
run 1 "$vqz" manifest merge -o bad.tsv lists/m.0-of-3.tsv lists/m.1-of-3.tsv lists/m.0-of-3.tsv
says "is share 0, which another one is, too"
run 1 "$vqz" manifest merge -o bad.tsv lists/m.0-of-3.tsv one.tsv
says "one.tsv: is of 1 shares"
sed 's/made=.*/made=0000000000000001/' lists/m.1-of-3.tsv >other.tsv
run 1 "$vqz" manifest merge -o bad.tsv lists/m.0-of-3.tsv other.tsv lists/m.2-of-3.tsv
says "other.tsv: was made with another model or other settings"
sed 's/seen=40/seen=41/' lists/m.1-of-3.tsv >other.tsv
run 1 "$vqz" manifest merge -o bad.tsv lists/m.0-of-3.tsv other.tsv lists/m.2-of-3.tsv
says "the folder was changed between"
{ head -1 lists/m.1-of-3.tsv; sed -n 2p lists/m.0-of-3.tsv; sed '1,2d' lists/m.1-of-3.tsv; } >other.tsv
run 1 "$vqz" manifest merge -o bad.tsv lists/m.0-of-3.tsv other.tsv lists/m.2-of-3.tsv
says "was made twice"
sed '2d; s/^#end\trows=.*/#end\trows='$(($(wc -l <lists/m.1-of-3.tsv) - 3))/ lists/m.1-of-3.tsv >other.tsv
run 1 "$vqz" manifest merge -o bad.tsv lists/m.0-of-3.tsv other.tsv lists/m.2-of-3.tsv
says "the shares have 39 files together, 40 were seen"
for damage in '$d' '1d' '2d' '2s/\t/ /' '2s/^done\|^current/made/' '2s/[0-9a-f]\{16\}/x/' '$a more'; do
    sed "$damage" one.tsv >other.tsv
    run 1 "$vqz" manifest verify other.tsv web
    says "other.tsv: is no manifest, or not all of one: line"
done
for name in ../x /x a/../b ..; do
    awk -F'\t' -v OFS='\t' -v name=$name 'NR == 2 { $7 = name } { print }' one.tsv >other.tsv
    run 1 "$vqz" manifest verify other.tsv web
    says "names an output outside its folder"
done
absent bad.tsv
# what a manifest finds
cp -r web worse
printf x >>worse/10.vqz
printf x | dd of=worse/11.vqz bs=1 seek=60 conv=notrunc 2>/dev/null
rm worse/sub/40.vqz
run 1 "$vqz" manifest verify one.tsv worse
prints "37 of 40"
says "worse/10.vqz: has "
says "worse/11.vqz: is another file"
says "worse/sub/40.vqz: cannot open"
(cd web && run 0 "$vqz" manifest verify ../one.tsv)
# names of any kind
mkdir odd
cp b.ppm odd/$'tab\there.ppm'
cp b.ppm odd/$'line\nhere \\t.ppm'
cp b.ppm odd/..ppm.ppm
cp b.ppm odd/$'\377\376.ppm'
run 0 "$vqz" encode odd --manifest odd.tsv
[ "$(wc -l <odd.tsv)" -eq 5 ] || bad "odd names: $(cat odd.tsv)"
run 0 "$vqz" manifest verify odd.tsv odd
run 0 "$vqz" encode -o odd/named.vqz b.ppm --manifest named.tsv
run 0 "$vqz" manifest verify named.tsv odd
# the command line
run 2 "$vqz" encode --keep-going photos -o web
says "needs --manifest"
run 2 "$vqz" encode --dry-run --manifest m.tsv photos -o web
run 2 "$vqz" manifest merge one.tsv
run 2 "$vqz" manifest
says 'vqz manifest merge -o OUT'
run 2 "$vqz" manifest verify -o out.tsv one.tsv
run 2 "$vqz" manifest list one.tsv
run 1 "$vqz" manifest verify missing.tsv
run 1 "$vqz" encode photos -o web --manifest no/where.tsv
says "no/where.tsv: cannot write"
if [ "$(id -u)" -ne 0 ]; then
    mkdir photos/closed && chmod 0 photos/closed
    run 0 "$vqz" encode -q 60 --keep-going --manifest closed.tsv photos -o web
    chmod 700 photos/closed
    run 1 "$vqz" manifest verify closed.tsv web
    says "1 inputs could not be looked at"
fi

finish
