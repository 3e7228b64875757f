"""Every rule and prediction of the package, found by their arguments, so that tests cover new ones too."""

import inspect

from ddpm_core import prediction, sampling

RULES = {
    name: rule
    for name, rule in vars(sampling).items()
    if inspect.isfunction(rule) and [*inspect.signature(rule).parameters] == ["x0", "xt", "s", "t", "noise"]
}
PREDICTIONS = {
    name: kind()
    for name, kind in vars(prediction).items()
    if inspect.isclass(kind) and {"target", "x0"} <= vars(kind).keys() and kind is not prediction.Prediction
}
