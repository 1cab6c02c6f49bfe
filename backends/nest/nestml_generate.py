"""C++ from NESTML text, in a process of its own: NESTML keeps what it is doing in global variables, and ends processes.

Run as a script with one argument, JSON with "file", "folder", "module", "suffix", "nest", "options"; writes JSON with
"models", "messages" to standard output. It imports nothing of this package, which that process need not find.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from typing import Any


def generate(task: dict[str, Any]) -> dict[str, Any]:
    """Names of the models, C++ in task["folder"], and NESTML's messages: (level, line, column, text)."""
    from pynestml.cocos.co_cos_manager import CoCosManager
    from pynestml.frontend import pynestml_frontend as frontend
    from pynestml.utils.logger import Logger, LoggingLevel

    options = {"nest_version": task["nest"], **task["options"]}
    frontend.configure_front_end(
        task["file"],
        "NEST",
        target_path=task["folder"],
        logging_level="ERROR",
        module_name=task["module"],
        suffix=task["suffix"],
        codegen_opts=options,
    )
    transformers, _ = frontend.transformers_from_target_name("NEST", options=options)
    generator = frontend.code_generator_from_target_name("NEST", options=options)
    generator.set_options(options)
    models = frontend.get_parsed_models()
    for model in models:
        if not Logger.has_errors(model):
            CoCosManager.check_cocos(model)
    errors = Logger.get_messages(level=LoggingLevel.ERROR)
    if models and not errors:
        models, metadata = frontend.transform_models(transformers, models)
        frontend.generate_code(generator, models, metadata)
        errors = Logger.get_messages(level=LoggingLevel.ERROR)
    messages = []
    for _, _, _, _, place, text in errors:
        line, column = (place.get_start_line(), place.get_start_column()) if place is not None else (0, 0)
        messages.append([line, column, str(text)])
    return {"models": [model.get_name() for model in models], "messages": messages}


def main() -> None:
    """Do what the first argument says."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            result = generate(json.loads(sys.argv[1]))
    except (Exception, SystemExit) as error:
        # NESTML has printed what it found wrong.
        result = {"models": [], "messages": [[0, 0, f"{type(error).__name__}: {error}"]]}
    json.dump({**result, "printed": printed.getvalue()[-5000:]}, sys.stdout)


if __name__ == "__main__":
    main()
