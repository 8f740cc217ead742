"""perf report on standard input -> a line of the table of docs/performance.md: the share of each part of the codec."""
import re
import sys

PARTS = [      # the first expression that fits "object symbol" names the part
    ("networks", r"^vqz\S* (conv|finish|requant|walk|scatter_words|reorder|vqz_rows_(run|scatter|scratch)|run(_job|_window|_pointwise)?$|copy_|vqz_net_run|lay_out|place|all_needs|tile_)"),
    ("packing weights", r"^vqz\S* (vqz_rows_pack|pack_|vqz_parse|parse)"),
    ("codeword search", r"^vqz\S* (vqz_choose|vqz_chosen|consider_escape|choose_bias|vqz_quantizer|search$|residuals$|rungs$|encode_two)"),
    ("entropy coding", r"^vqz\S* (vqz_latent_|decode_|encode_|vqz_rans|get_symbol)"),
    ("contexts and hashes", r"^vqz\S* vqz_(prior|latents)|^vqz\S* (reconstruct|latq)$|^libxxhash"),
    ("pixels", r"^vqz\S* (vqz_(analys|masking|looks_like|synthesise|row_|recon)|cells$)"),
    ("PNG", r"^libz|^libpng"),
    ("copies", r"^libc.* .*(memmove|memcpy|memset)"),
    ("system", r"kernel|^\[|^ld-"),
]


def main():
    shares = dict.fromkeys([name for name, _ in PARTS] + ["other"], 0.0)
    for line in sys.stdin:
        found = re.match(r"\s*([\d.]+)%\s+(\S+)\s+\[.\]\s+(\S+)", line)
        if found:
            key = f"{found[2]} {found[3]}"
            part = next((name for name, fits in PARTS if re.search(fits, key)), "other")
            shares[part] += float(found[1])
    if sys.argv[1] == "encode":
        print("| |", " | ".join(shares), "|\n|---|" + "---|" * len(shares))
    print(f"| {sys.argv[1]} |", " | ".join(f"{v:.1f} %" for v in shares.values()), "|")


main()
