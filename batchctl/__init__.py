"""The command line for developers and operators.

It reads what the functions write, so it shares their package: express_batch out of layers/batch, as it stands there.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "layers" / "batch"))
