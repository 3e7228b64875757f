from .checkpoints import load as load, pretrained as pretrained, save as save
from .data import digits as digits, emoji as emoji, mnist as mnist
from .denoiser import Denoiser as Denoiser
from .folders import folder as folder
from .gaussian import Gaussian as Gaussian
from .nets import MLP as MLP, UNet as UNet
from .pictures import preview as preview
from .prediction import X0 as X0, Eps as Eps, Flow as Flow, Mu as Mu, Score as Score, V as V
from .process import (
    posterior as posterior,
    posterior_beta as posterior_beta,
    q_sample as q_sample,
    transition as transition,
)
from .sampling import (
    ancestral as ancestral,
    ancestral_beta as ancestral_beta,
    ddim as ddim,
    dpm_2m as dpm_2m,
    eta as eta,
    heun as heun,
    invert as invert,
    last as last,
    sample as sample,
)
from .schedule import (
    Level as Level,
    Schedule as Schedule,
    cosine as cosine,
    exploding as exploding,
    from_betas as from_betas,
    linear as linear,
    straight as straight,
    zero_terminal as zero_terminal,
)
from .study.metrics import classifier as classifier
from .training import Extras as Extras, train as train, watch as watch
