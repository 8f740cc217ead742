#!/bin/bash
# test_rd_page.sh VQZ OUT: the page of vqz rd in headless Chromium (tests/rd_page.py); screenshots stay in OUT. Skipped where there is no Chromium.
here=$(realpath "$(dirname "$0")") samples=$(realpath samples)
out=$(realpath -m "$2")
command -v python3 >/dev/null || { echo "skipped: no python3"; exit 77; }
python3 "$here/rd_page.py" || exit $?        # 77: it said that there is no Chromium
# shellcheck source=tests/program.sh
. "$here/program.sh"
mkdir 'pic<b>s' 'pic<b>s/<'
picture 200 190 >'pic<b>s/<img src=x onerror=alert(1)>.ppm'
picture 500 180 >"pic<b>s/</script> '\"&.ppm"
cp "$samples/lake-sherburne.jpg" 'pic<b>s/lake.jpg'
run 1 env PATH=/no/such "$vqz" rd --codecs vqz,jpeg,jpeg444,avif --efforts 1,4 --qualities 20,50,80 'pic<b>s'
python3 "$here/rd_page.py" report/index.html "$out" || bad "the page"
finish
