"""The helpers of Tests/Behaviour, for the suites and programs of this directory."""

import importlib.util
import pathlib
import sys

BEHAVIOUR = pathlib.Path(__file__).resolve().parents[1] / "Behaviour"
if str(BEHAVIOUR) not in sys.path:
    sys.path.append(str(BEHAVIOUR))

_spec = importlib.util.spec_from_file_location("behaviour_fixtures", BEHAVIOUR / "conftest.py")
_fixtures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_fixtures)
daemons = _fixtures.daemons
