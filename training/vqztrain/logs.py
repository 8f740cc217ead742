"""CSV logs that survive a resume: rows after the resumed step are dropped, since they will be written again."""
import csv
import os


class Log:
    def __init__(self, path, columns, resume_step=None):
        """resume_step: keep the rows up to this step; None: start anew."""
        self.path, self.columns = path, columns
        kept = [r for r in read(path) if int(r["step"]) <= resume_step] if resume_step is not None else []
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "w", newline="", encoding="utf-8") as f:
            out = csv.DictWriter(f, columns, restval="", extrasaction="ignore")
            out.writeheader()
            out.writerows(kept)

    def row(self, **values):
        text = {k: f"{v:.6g}" if isinstance(v, float) else v for k, v in values.items()}
        with open(self.path, "a", newline="", encoding="utf-8") as f:
            csv.DictWriter(f, self.columns, restval="").writerow(text)


def read(path):
    """Rows as dicts of strings; none if there is no file."""
    if not os.path.exists(path):
        return []
    with open(path, newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))
