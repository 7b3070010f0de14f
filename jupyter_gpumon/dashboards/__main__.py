"""``python -m jupyter_gpumon.dashboards``: writes the dashboards and rules anew, into this folder and the docs.

It needs grafana-foundation-sdk, which only the extra ``test`` brings; what it writes is shipped.
"""

from __future__ import annotations

from .generated import generated

if __name__ == "__main__":
    for path, text in generated().items():
        path.write_text(text)
