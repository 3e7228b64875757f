import copy
import os
import platform
import shutil
import subprocess
import sys

import pytest
import torch

from ddpm_core import Denoiser, Eps, UNet, cosine, digits, pretrained, q_sample, sample
from ddpm_core.speed import fast

pytestmark = pytest.mark.slow


def test_the_fast_path_says_the_same_within_a_hundredth():
    denoiser = pretrained("digits")
    before = copy.deepcopy(denoiser.state_dict())
    quick, x0 = fast(denoiser), digits()[1].images[:64]
    for t in (1, 100, 500, 800):
        xt = q_sample(
            x0, torch.randn(x0.shape, generator=torch.Generator().manual_seed(t)), cosine().level(t)
        )
        exact, rough = denoiser(xt, t), quick(xt, t)
        assert rough.dtype == torch.float32
        assert 1e-5 < (exact - rough).abs().mean() < 0.01, "float32 rounds to 1e-7"
    assert all(torch.equal(before[name], value) for name, value in denoiser.state_dict().items())


def test_samples_of_the_fast_path_follow_the_same_walk():
    denoiser = pretrained("digits")
    x_T = torch.randn(16, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    ends = []
    for one in (denoiser, fast(denoiser)):
        *_, last = sample(one, x_T, one.schedule.times(20), generator=torch.Generator().manual_seed(1))
        ends.append(last.xt)
    assert (ends[0] - ends[1]).abs().mean() < 0.05


def test_a_fast_network_knows_its_labels():
    quick = fast(Denoiser(UNet(width=8, classes=3), cosine(20), Eps()))
    with pytest.raises(ValueError, match=r"labels reach 99, but the network was made for 0\.\.2"):
        quick.guided(torch.tensor([99]), 2.0)
    with pytest.raises(ValueError, match="takes no label; make and train it with classes"):
        fast(Denoiser(UNet(width=8), cosine(20), Eps())).guided(torch.tensor([1]), 2.0)
    with pytest.raises(ValueError, match="takes no label"):
        fast(quick.given(torch.tensor([1]))).guided(torch.tensor([1]), 2.0)
    assert quick.guided(torch.tensor([2]), 2.0)(torch.randn(2, 1, 8, 8), 3).shape == (2, 1, 8, 8)


def test_labels_go_along():
    torch.manual_seed(0)
    denoiser = Denoiser(UNet(width=8, classes=3), cosine(20), Eps()).eval()
    for w in denoiser.parameters():
        torch.nn.init.normal_(w, std=0.1)
    xt, y = torch.randn(6, 1, 8, 8), torch.tensor([0, 1, 2, -1, 0, 1])
    with torch.no_grad():
        torch.testing.assert_close(
            fast(denoiser.given(y))(xt, 7), denoiser.given(y)(xt, 7), rtol=0.05, atol=0.05
        )


@pytest.mark.slow
@pytest.mark.skipif(not (shutil.which("g++") and sys.platform == "linux"), reason="torch.compile wants g++")
def test_what_is_compiled_says_the_same():
    class Small(torch.nn.Sequential):
        def forward(self, xt, t):
            return super().forward(xt) * t.view(-1, 1, 1, 1)

    torch.manual_seed(0)
    net = Small(torch.nn.Conv2d(1, 8, 3, padding=1), torch.nn.SiLU(), torch.nn.Conv2d(8, 1, 3, padding=1))
    denoiser = Denoiser(net, cosine(20), Eps()).eval()
    xt, quick = torch.randn(4, 1, 8, 8), fast(denoiser, compiled=True)
    with torch.no_grad():
        torch.testing.assert_close(quick(xt, 7), denoiser(xt, 7), rtol=0.05, atol=0.05)


def test_weights_are_made_bfloat16_once_and_not_at_every_pass():
    quick, x = fast(pretrained("digits")), torch.randn(2, 1, 8, 8)
    layers = [m for m in quick.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    assert len(layers) > 10
    assert {m.weight.dtype for m in layers} == {torch.bfloat16}
    assert {m.weight.dtype for m in pretrained("digits").modules() if isinstance(m, torch.nn.Conv2d)} == {
        torch.float32
    }
    assert quick(x, 5).dtype == torch.float32
    assert quick.net(x, torch.tensor([5, 5])).dtype == torch.float32


FAULTS = """
import resource, statistics, torch
from ddpm_core import UNet
from ddpm_core.speed import keep_memory
torch.set_num_threads(1)
keep_memory()
net, x, t = UNet(lean=False), torch.randn(64, 1, 8, 8), torch.full((64,), 5)
faults = [0]
for k in range(13):
    with torch.no_grad():
        net(x, t)
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
print(statistics.median(after - before for before, after in zip(faults[5:], faults[6:])))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is asked to keep memory")
def test_memory_that_is_kept_is_not_asked_for_again():
    """A later pass through a network needs almost no new memory pages; without `keep_memory`, hundreds."""

    def faults(**told):
        run = [sys.executable, "-c", FAULTS]
        rest = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
        return float(subprocess.check_output(run, text=True, env=rest | told))

    assert faults() < 20
    assert faults(MALLOC_TRIM_THRESHOLD_=str(128 << 10)) > 100, "its own threshold, which no block will move"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here: the GPU path was not run")
def test_on_a_gpu_it_compiles_to_a_graph_and_says_the_same():
    denoiser = pretrained("mnist").to("cuda")
    quick = fast(denoiser.given(torch.arange(64, device="cuda") % 10), compiled=True)
    x_T = torch.randn(64, 1, 28, 28, device="cuda")
    plain = denoiser.given(torch.arange(64, device="cuda") % 10)
    for t in (50, 500, 800):
        assert (quick(x_T, t) - plain(x_T, t)).abs().mean() < 0.05
    *_, last = sample(quick, x_T, denoiser.schedule.times(50))
    assert torch.isfinite(last.xt).all()


FIRST = """
import threading, torch, ddpm_core
from ddpm_core import Denoiser, Eps, MLP, cosine, sample, train
from ddpm_core.speed import keep_memory
assert keep_memory.cache_info().currsize == 0 and threading.active_count() == 1
denoiser, x = Denoiser(MLP(2, 16, 1), cosine(5), Eps()), torch.randn(4, 2)
{first}
assert keep_memory.cache_info().currsize == 1
"""


@pytest.mark.parametrize("first", ["train(denoiser, x, images=1)", "sample(denoiser, x)"])
def test_an_import_changes_nothing_the_first_walk_or_run_does(first):
    subprocess.run([sys.executable, "-c", FIRST.format(first=first)], check=True)
