"""Run a script's text under the doctor, in this process."""

import contextlib
import io
import runpy
import sys

from vademecum._torch.streams import same_streams
from vademecum.doctor import checks
from vademecum.doctor.examine import examine
from vademecum.doctor.failure import ended
from vademecum.doctor.recording.attach import attached_to_all
from vademecum.doctor.recording.recorder import Recorder
from vademecum.doctor.recording.schedule import Schedule
from vademecum.doctor.script.listen import Listener


class Enough(BaseException):
    """The steps that were wanted are done."""


def observe(text, tmp_path, *, steps=300):
    """The report on a script, and its record; stops after so many optimizer steps."""
    file = tmp_path / "script.py"
    file.write_text(text, encoding="utf-8")
    recorder = Recorder(checks.OF_A_SCENE, schedule=Schedule(thorough=True), memory=256 << 20, find=True)
    own = recorder.schedule.stepped

    def stepped():
        own()
        if recorder.record.steps >= steps:
            raise Enough

    recorder.schedule.stepped = stepped
    argv, sys.argv = sys.argv, [str(file)]
    try:
        with (
            same_streams(),
            attached_to_all(recorder),
            Listener(recorder),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            runpy.run_path(str(file), run_name="__main__")
        recorder.record.finished = True
    except Enough:
        pass
    except BaseException as error:
        recorder.record.failure = ended(error)
    finally:
        sys.argv = argv
    recorder.ends()
    return examine(recorder), recorder.record
