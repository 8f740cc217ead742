#!/bin/bash
# test-cluster.sh [VQZ [RECIPE...]]   The recipes of docs/scale.md on real engines, here: parallel (GNU parallel), mpi (Open MPI), slurm (three slurmd on one host; needs
# root), dask (a scheduler and two workers, with the package of python/, in a virtual environment in build-python/). In each,
# a worker is killed in the middle and the same command runs again: nothing may be lost or done twice. Packages: install-packages.sh cluster python.
vqz=$(realpath "${1:-build/vqz}")
shift
recipes=("$@")
[ ${#recipes[@]} -gt 0 ] || recipes=(parallel mpi slurm dask)
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
dir=$(mktemp -d -t vqz-cluster-XXXXXX)
daemons=()
failures=0
files=24
clean() {
    for ((i = ${#daemons[@]} - 1; i >= 0; i--)); do kill "${daemons[i]}" 2>/dev/null; done
    for pid in "${daemons[@]}"; do wait "$pid" 2>/dev/null; done
    rm -rf "$dir"
}
trap clean EXIT
bad() { echo "FAIL: $*"; failures=$((failures + 1)); }
cd "$dir" || exit 1
export PATH="$(dirname "$vqz"):$PATH"

mkdir -p photos/sub
for ((i = 0; i < files; i++)); do
    awk -v seed=$i 'BEGIN { print "P3 240 180 255"; for (y = 0; y < 180; y++) for (x = 0; x < 240; x++)
        print int(127 + 100 * sin(x / (9 + seed) + y / 31)), int(127 + 90 * sin(x / 23 - y / 17)), (x * y + seed) % 256 }' >photos/$([ $((i % 3)) -eq 0 ] && echo sub/)p$i.ppm
done
options=(-e 9 --jobs 1 -j 1)             # slow enough to be killed in the middle
"$vqz" encode -e 9 photos -o reference || exit 1
reference=reference

finished() { find "$1" -name '*.vqz' -not -name '.*' -printf '%P %i\n' 2>/dev/null | sort; }     # a file that is made again is another inode
# wait_for CONDITION...: at most a minute
wait_for() { for ((k = 0; k < 1200; k++)); do "$@" >/dev/null 2>&1 && return 0; sleep 0.05; done; return 1; }
some_made() { [ "$(finished web | wc -l)" -ge 4 ]; }
# kill_worker: one process of vqz that works here; with it goes its temporary file's owner
kill_worker() {
    wait_for some_made || bad "nothing was made within a minute"
    local pid
    for pid in $(pgrep -x vqz); do
        [ "$(readlink /proc/"$pid"/cwd)" = "$dir" ] && kill -KILL "$pid" && return 0
    done
    bad "there was no worker to kill"
}
begin() {
    echo "== $1"
    rm -rf web lists log
    mkdir lists
}
interrupted() {
    finished web >before
    echo "   killed: $(wc -l <before) of $files files were there"
    [ "$(wc -l <before)" -lt $files ] || bad "all was done before the worker was killed"
}
check() {   # after the second run
    find web -name '.*.??????' -type f -delete       # what SIGKILL leaves
    vqz manifest merge -o all.tsv lists/*.tsv || bad "merge"
    vqz manifest verify all.tsv web || bad "verify"
    diff -r "$reference" web >differences || bad "files are lost or wrong: $(head -3 differences)"
    [ "$(grep -c $'^done\t\|^current\t' all.tsv)" -eq $files ] || bad "the manifest has $(grep -c . all.tsv) lines"
    [ "$(finished web | grep -cxFf before)" -eq "$(wc -l <before)" ] || bad "finished files were made again"
}

parallel_recipe() {
    begin "GNU parallel"
    run() { seq 0 7 | parallel "$@" -j 2 --joblog log vqz encode "${options[@]}" --shard {}/8 --manifest lists/web.tsv photos -o web 2>errors; }
    run --halt never &
    kill_worker
    wait $! && bad "parallel does not tell of the killed job"
    interrupted
    run --resume-failed || bad "the second run: $(cat errors)"
    check
    run --resume || bad "the third run"
    [ "$(wc -l <log)" -eq 10 ] || bad "the log has $(wc -l <log) lines: a heading, 8 jobs and the one that was done again were expected"
}

mpi_recipe() {
    begin "Open MPI"
    local root=()
    [ "$(id -u)" -ne 0 ] || root=(--allow-run-as-root)
    run() { mpirun "${root[@]}" --oversubscribe -n 3 vqz encode "${options[@]}" --shard auto --keep-going --manifest lists/web.tsv photos -o web 2>errors >/dev/null </dev/null; }
    run &
    kill_worker
    wait $! && bad "mpirun does not tell of the killed rank"
    interrupted
    echo "not a picture" >photos/broken.png        # an error in one file ends no rank
    run || bad "the second run: $(cat errors)"
    [ "$(cat lists/*.tsv | grep -c $'^failed\t.*\tbroken.png\t')" -eq 1 ] || bad "the manifests do not name broken.png"
    rm photos/broken.png
    run || bad "the third run: $(cat errors)"
    check
}

slurm_recipe() {
    begin "Slurm"
    if [ "$(id -u)" -ne 0 ]; then bad "three slurmd on one host need root"; return; fi
    local host
    host=$(hostname -s)
    mkdir -p slurm/state slurm/munge
    chmod 755 "$dir" slurm
    chmod 700 slurm/munge
    dd if=/dev/urandom of=slurm/munge/key bs=64 count=1 2>/dev/null
    chmod 600 slurm/munge/key
    cat >slurm/slurm.conf <<END
ClusterName=vqz
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$dir/slurm/munge/socket
SlurmctldPort=27100
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SchedulerType=sched/backfill
StateSaveLocation=$dir/slurm/state
SlurmdSpoolDir=$dir/slurm/%n
SlurmctldPidFile=$dir/slurm/slurmctld.pid
SlurmdPidFile=$dir/slurm/%n.pid
SlurmctldLogFile=$dir/slurm/slurmctld.log
SlurmdLogFile=$dir/slurm/%n.log
SlurmdParameters=config_overrides
JobAcctGatherType=jobacct_gather/none
NodeName=n[1-3] NodeHostname=$host NodeAddr=127.0.0.1 Port=[27101-27103] CPUs=1 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END
    export SLURM_CONF=$dir/slurm/slurm.conf
    munged -F -f --key-file=slurm/munge/key --socket=slurm/munge/socket --pid-file=slurm/munge/pid --log-file=slurm/munge/log --seed-file=slurm/munge/seed >/dev/null 2>&1 &
    daemons+=($!)
    wait_for test -S slurm/munge/socket || { bad "munged: $(tail -3 slurm/munge/log)"; return; }
    slurmctld -D -i >/dev/null 2>&1 &
    daemons+=($!)
    for n in n1 n2 n3; do
        mkdir -p slurm/$n
        slurmd -D -N $n >/dev/null 2>&1 &
        daemons+=($!)
    done
    three_idle() { [ "$(sinfo -h -N -t idle -o %N | wc -l)" -eq 3 ]; }
    wait_for three_idle || { bad "no three idle nodes: $(sinfo 2>&1 | tail -3; tail -3 slurm/n1.log)"; return; }
    cat >job.sh <<END
#!/bin/bash
exec vqz encode ${options[*]} --shard auto --manifest lists/web.tsv photos -o web
END
    run() { sbatch --wait --array=1-6 --no-requeue --output=slurm/%a.out job.sh >/dev/null; }
    run &
    kill_worker
    wait $! && bad "sbatch does not tell of the killed task"
    interrupted
    run || bad "the second run: $(tail -n 3 slurm/*.out)"
    grep -q 'share 5 of 6' slurm/6.out || bad "task 6 of 1-6 is not share 5: $(cat slurm/6.out)"
    check
}

dask_packages() (
    set -e
    cd "$root/python"
    source ./environment.sh "$root/build-python/dask" "$root/examples/dask-requirements.txt"
    "$root/build-python/dask/bin/python" -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --force-reinstall --config-settings=build-dir="$root/build-python/cmake" .
)

dask_recipe() {
    begin "Dask"
    dask_packages || { bad "Dask and the Python package cannot be installed"; return; }
    local bin=$root/build-python/dask/bin workers=() dask_reference=$dir/dask-reference file
    (cd photos && find . -name '*.ppm' -printf '%P\n') | while read -r file; do
        mkdir -p "$dask_reference/$(dirname "$file")"
        "$vqz" encode -e 9 -o "$dask_reference/${file%.ppm}.vqz" "photos/$file" || exit 1
    done
    "$bin/dask" scheduler --host 127.0.0.1 --port 0 --no-dashboard --scheduler-file scheduler.json >scheduler.log 2>&1 &
    daemons+=($!)
    wait_for test -s scheduler.json || { bad "no scheduler: $(tail -3 scheduler.log)"; return; }
    for n in 1 2; do
        "$bin/dask" worker --host 127.0.0.1 --nthreads 1 --no-nanny --no-dashboard --scheduler-file scheduler.json >worker$n.log 2>&1 &
        daemons+=($!)
        workers+=($!)
    done
    run() { "$bin/python" "$root/examples/dask_folder.py" --scheduler-file scheduler.json -e 9 --manifest lists/web.tsv photos web >result 2>errors; }
    two_workers() { [ "$(grep -l 'Registered to' worker1.log worker2.log | wc -l)" -eq 2 ]; }
    wait_for two_workers || { bad "no two workers: $(tail -3 worker1.log)"; return; }
    run &
    local client=$!
    wait_for some_made || bad "nothing was made within a minute"
    kill -KILL "${workers[0]}"
    interrupted
    wait $client || bad "the other worker does not go on: $(tail -3 errors)"
    cp lists/web.tsv first.tsv
    find web -name '.*.??????' -type f -delete       # what SIGKILL leaves
    vqz manifest verify first.tsv web || bad "verify of the first run"
    finished web >after
    [ "$(wc -l <after)" -eq $files ] || bad "$(wc -l <after) files after the first run"
    run || bad "the second run: $(tail -3 errors)"
    grep -qx "0 done, $files were up to date, 0 failed" result || bad "the second run: $(cat result)"
    finished web | cmp -s - after || bad "finished files were made again"
    reference=$dask_reference check
}

for recipe in "${recipes[@]}"; do "${recipe}_recipe"; done
[ $failures -eq 0 ] || { echo "$failures failures"; exit 1; }
echo "all good"
