"""A search of which every step takes a moment: to be killed (tests/test_tuning.py).

Arguments: the folder of the study, the number of trials, seconds a step.
"""

import sys
import time

from ganbook.tuning import search

folder, trials, pause = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])


def bowl(setting, learn, judge, seed):
    for step in range(1, 6):
        time.sleep(pause)
        yield step, (setting["x"] - 3) ** 2 + setting["y"] ** 2 + 1 / step


def suggest(trial):
    setting = {name: trial.suggest_float(name, -10, 10) for name in "xy"}
    print("trying", trial.number, flush=True)
    return setting


study = search(bowl, suggest, (None, None), folder, trials)
told = [t for t in study.trials if t.state.name != "FAIL"]
print([(t.params, t.state.name, t.value) for t in told])
