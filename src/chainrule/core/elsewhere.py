"""What other libraries call otherwise: for the message of a name that there is not."""

from __future__ import annotations

import sys

__all__ = ["in_chainrule"]

_NAMES = {
    "chainrule": {
        "cat": "cr.concatenate",
        "device": "there is only the CPU",
        "from_numpy": "cr.tensor",
        "inference_mode": "cr.no_grad",
        "jit": "cr.compile",
        "load": "cr.train.load(model, path)",
        "manual_seed": "randomness is said by a key, cr.random.key(seed)",
        "pmap": "cr.vmap",
        "rand": "cr.random.uniform(key, shape)",
        "randn": "cr.random.normal(key, shape)",
        "save": "cr.train.save(model, path)",
        "set_grad_enabled": "cr.no_grad",
        "unsqueeze": "cr.expand_dims",
        "utils": "batches are given out by cr.data.Loader",
    },
    "chainrule.data": {
        "DataLoader": "data.Loader",
        "IterableDataset": "data.Stream",
        "TensorDataset": "data.Dataset",
        "random_split": "data.Dataset.split",
        "train_test_split": "data.Dataset.split",
        "transforms": "data.augment",
    },
    "chainrule.nn": {
        "BCELoss": "nn.bce_with_logits, before the sigmoid",
        "BCEWithLogitsLoss": "nn.bce_with_logits",
        "BatchNorm1d": "nn.BatchNorm",
        "BatchNorm2d": "nn.BatchNorm",
        "BatchNorm3d": "nn.BatchNorm",
        "BatchNormalization": "nn.BatchNorm",
        "CrossEntropyLoss": "nn.cross_entropy",
        "Dense": "nn.Linear",
        "Dropout1d": "nn.SpatialDropout",
        "Dropout2d": "nn.SpatialDropout",
        "Dropout3d": "nn.SpatialDropout",
        "GaussianNLLLoss": "nn.gaussian_nll",
        "GlobalAveragePooling2D": "nn.AdaptiveAvgPool2d",
        "HuberLoss": "nn.huber",
        "InstanceNorm1d": "nn.InstanceNorm",
        "InstanceNorm2d": "nn.InstanceNorm",
        "InstanceNorm3d": "nn.InstanceNorm",
        "KLDivLoss": "nn.kl_divergence",
        "L1Loss": "nn.mae",
        "LayerNormalization": "nn.LayerNorm",
        "MSELoss": "nn.mse",
        "MaxPooling2D": "nn.MaxPool2d",
        "ModuleDict": "a dict of modules is an attribute like others",
        "ModuleList": "a list of modules is an attribute like others",
        "MultiHeadAttention": "nn.MultiheadAttention",
        "MultiMarginLoss": "nn.multi_margin",
        "NLLLoss": "nn.nll",
        "Parameter": "nn.parameter",
        "ParameterDict": "a dict of parameters is an attribute like others",
        "ParameterList": "a list of parameters is an attribute like others",
        "PoissonNLLLoss": "nn.poisson_nll",
        "SmoothL1Loss": "nn.huber",
        "Transformer": "nn.TransformerEncoder and nn.TransformerDecoder",
        "binary_cross_entropy": "nn.bce_with_logits, before the sigmoid",
        "binary_cross_entropy_with_logits": "nn.bce_with_logits",
        "functional": "losses are functions of nn, such as nn.mse, all else of cr, such as cr.relu",
        "gelu": "cr.gelu",
        "huber_loss": "nn.huber",
        "init": "nn.initialisers",
        "kl_div": "nn.kl_divergence",
        "l1_loss": "nn.mae",
        "log_softmax": "cr.log_softmax",
        "mse_loss": "nn.mse",
        "nll_loss": "nn.nll",
        "relu": "cr.relu",
        "sigmoid": "cr.sigmoid",
        "smooth_l1_loss": "nn.huber",
        "softmax": "cr.softmax",
        "tanh": "cr.tanh",
        "utils": "gradients are clipped by optim.clip_by_global_norm, in an optim.chain",
    },
    "chainrule.optim": {
        "CosineAnnealingLR": "optim.cosine_decay",
        "CosineAnnealingWarmRestarts": "optim.cosine_restarts",
        "ExponentialLR": "optim.exponential_decay",
        "LinearLR": "optim.linear_warmup",
        "MultiStepLR": "optim.multi_step",
        "OneCycleLR": "optim.one_cycle",
        "PolynomialLR": "optim.polynomial_decay",
        "ReduceLROnPlateau": "train.ReduceOnPlateau or optim.reduce_on_plateau",
        "StepLR": "optim.step_decay",
        "clip_grad_norm_": "optim.clip_by_global_norm",
        "lr_scheduler": "schedules are functions of optim, such as optim.step_decay",
        "swa_utils": "optim.swa",
    },
    "chainrule.train": {
        "CSVLogger": "train.CSVLog",
        "LearningRateScheduler": "the schedule is an argument of train.fit",
        "ModelCheckpoint": "train.Checkpoints",
        "ReduceLROnPlateau": "train.ReduceOnPlateau",
        "accuracy_score": "train.accuracy",
        "f1_score": "train.f1",
        "precision_score": "train.precision",
        "r2_score": "train.r2",
        "recall_score": "train.recall",
        "roc_auc_score": "train.roc_auc",
    },
}


def in_chainrule(package: str, name: str) -> str:
    """The end of the message that a package has no such name: what other libraries mean by it, or
    the name that was probably meant.

    >>> import chainrule.nn
    >>> from chainrule.core.elsewhere import in_chainrule
    >>> in_chainrule("chainrule.nn", "MSELoss")
    '; in chainrule: nn.mse'
    >>> in_chainrule("chainrule.nn", "Conv2D")
    '; did you mean Conv2d?'
    >>> in_chainrule("chainrule.nn", "helicopter")
    ''
    """
    ours = _NAMES.get(package, {}).get(name)
    if ours is not None:
        return f"; in chainrule: {ours}"
    if name.startswith("_"):  # asked for by programs, not typed
        return ""
    import difflib  # here, since programs that run need no hints

    known = {own.lower(): own for own in dir(sys.modules[package]) if not own.startswith("_")}
    near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.8)
    return f"; did you mean {known[near[0]]}?" if near else ""
