import pytest
import torch
from oracles import close, normal
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ddpm_core import MLP, Denoiser, Eps, UNet, cosine, load, save
from ddpm_core.nets import Attention, Up, embed, norm


def woken(net: nn.Module) -> nn.Module:
    """The net with random weights in the layers that start at 0, so that every layer has an effect."""
    g = torch.Generator().manual_seed(0)
    for p in net.parameters():
        if not p.any():
            nn.init.normal_(p, std=0.1, generator=g)
    return net.eval()


def picture(*shape: int, seed: int = 0) -> torch.Tensor:
    return normal(*shape, seed=seed, dtype=torch.float32)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 7, 5), (2, 9, 16)])
@pytest.mark.parametrize("mults", [(1,), (1, 2), (1, 2, 2)])
@pytest.mark.parametrize("attention", [(), (0,)])
@pytest.mark.parametrize("lean", [False, True])
def test_a_unet_takes_pictures_of_any_size(shape, mults, lean, attention):
    net = UNet(channels=shape[0], width=8, mults=mults, lean=lean, attention=attention)
    for n in (0, 1, 3):
        assert net(picture(n, *shape), torch.full((n,), 3)).shape == (n, *shape)


NETS = {
    "unet": (UNet(width=8, classes=10), (1, 8, 8)),
    "unet without labels": (UNet(width=8), (1, 8, 8)),
    "deep unet": (UNet(width=8, blocks=2, classes=10), (1, 8, 8)),
    "unet that isn't lean": (UNet(width=8, classes=10, lean=False), (1, 8, 8)),
    "unet with attention": (UNet(width=8, classes=10, attention=(0, 1)), (1, 8, 8)),
    "mlp": (MLP(2, 16, classes=10), (2,)),
}


@pytest.mark.parametrize("name", NETS)
def test_a_batch_is_the_stack_of_its_items(name):
    net, shape = NETS[name]
    net = woken(net)
    x, t = picture(4, *shape), torch.tensor([1, 10, 500, 1000])
    y = torch.tensor([3, -1, 0, 9]) if net.config["classes"] else None
    whole = net(x, t, y)
    for i in range(4):
        j = slice(i, i + 1)
        torch.testing.assert_close(
            whole[j], net(x[j], t[j], None if y is None else y[j]), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize("name", NETS)
def test_time_label_and_every_weight_matter(name):
    net, shape = NETS[name]
    net = woken(net)
    x, t = picture(4, *shape), torch.tensor([5, 5, 900, 900])
    assert not torch.allclose(net(x, t), net(x, t + 50), atol=1e-4)
    labelled = net.config["classes"] is not None
    y = torch.tensor([1, 2, 3, -1]) if labelled else None
    if labelled:
        assert not torch.allclose(net(x, t, y)[:3], net(x, t)[:3], atol=1e-4)
        assert torch.equal(net(x, t, y)[3], net(x, t)[3])  # -1 is "no label"
        assert not torch.allclose(net(x, t, 0 * y), net(x, t), atol=1e-4)  # 0 is a label
    net.zero_grad()
    net(x, t, y).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in net.parameters())


def test_a_new_net_puts_out_zero():
    assert not UNet(width=8)(picture(2, 1, 8, 8), torch.tensor([1, 2])).any()


def test_a_net_without_classes_refuses_labels():
    with pytest.raises(ValueError, match="without classes"):
        UNet(width=8)(picture(2, 1, 8, 8), torch.tensor([1, 2]), torch.tensor([1, 2]))


def test_a_lean_unet_does_a_third_less():
    """FLOPs counted by hand: one width for each level, and 3x3 convolutions only."""

    def work(lean):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            UNet(lean=lean)(picture(1, 1, 8, 8), torch.tensor([1]))
        return counter.get_total_flops()

    above = 8 * 8 * 9 * (16 + 6 * 16 * 16 + 16)  # in, three blocks, out
    below = 4 * 4 * 9 * (16 * 64 + 8 * 64 * 64)  # down, four blocks
    up = 8 * 8 * 9 * 64 * 16
    times = 2 * 64 * 64 + 3 * 64 * 16 + 4 * 64 * 64
    assert work(True) == 2 * (above + below + up + times)
    assert 0.66 < work(True) / work(False) < 0.69


@pytest.mark.parametrize(("mults", "blocks"), [((1,), 1), ((3,), 1), ((1,), 3)])
def test_a_lean_unet_takes_the_mean_with_what_was_seen_on_the_way_down(mults, blocks):
    """New blocks are the identity: if the middle adds 1, each block on the way up halves that."""
    net, x, seen = UNet(width=8, mults=mults, blocks=blocks), picture(2, 1, 6, 6), []
    nn.init.ones_(net.middle.conv2.bias)
    net.leave.register_forward_pre_hook(lambda _, args: seen.extend(args))
    net(x, torch.tensor([1, 2]))
    torch.testing.assert_close(seen[0], net.enter(x) + 0.5 ** (blocks + 1))


@pytest.mark.parametrize("size", [(8, 12), (7, 12), (8, 11), (7, 11)])
def test_the_way_up_is_nearest_neighbour_and_a_convolution(size):
    layer, x, like = Up(6, 5).double(), normal(3, 6, 4, 6), torch.empty(3, 1, *size)
    rows, columns = (torch.arange(n) * of // n for n, of in zip(size, (4, 6), strict=True))
    torch.testing.assert_close(layer(x, like), layer.conv(x[:, :, rows][..., columns]), rtol=0, atol=1e-12)


def test_a_lean_block_has_one_norm():
    """Seven of them: the first level's and the second's, the middle, and two for each on the way up."""
    norms = {lean: sum(isinstance(m, nn.GroupNorm) for m in UNet(lean=lean).modules()) for lean in (0, 1)}
    assert norms == {False: 2 * 7 + 1, True: 7 + 1}


@pytest.mark.parametrize("name", NETS)
def test_what_is_done_in_place_without_gradients_changes_neither_input_nor_output(name):
    net, shape = NETS[name]
    net = woken(net)
    x, t = picture(4, *shape), torch.tensor([1, 10, 500, 1000])
    before, kept = x.clone(), net(x, t)
    with torch.no_grad():
        assert torch.equal(net(x, t), kept)
        assert torch.equal(net(x, t), kept)
    assert torch.equal(x, before)
    assert kept.requires_grad


def test_the_embedding_knows_two_times_by_their_distance():
    """Their scalar product is the sum of cos(w (t - t')) over the frequencies w = 10,000^(-j / 16)."""
    t = torch.arange(0, 1001, 40)
    e, gap = embed(t, 32).double(), (t[:, None] - t).double()
    frequencies = 10_000 ** (-torch.arange(16).double() / 16)
    close(e @ e.T, (gap[..., None] * frequencies).cos().sum(-1), 1e-3)


def test_layers_of_an_mlp_add_to_what_comes_in():
    """With layers that say 0 their number makes no difference."""
    deep, flat, x, t = MLP(2, 16, depth=4), MLP(2, 16, depth=0), picture(5, 2), torch.tensor([7])
    nn.init.normal_(deep.leave.weight)
    for weights in deep.layers.parameters():
        nn.init.zeros_(weights)
    flat.load_state_dict(deep.state_dict(), strict=False)
    close(deep(x, t).detach(), flat(x, t).detach(), 1e-6)
    assert deep(x, t).any()


@pytest.mark.parametrize("channels", [8, 12, 16, 20])
def test_groups_of_eight_or_of_what_divides_are_normalised_each_by_itself(channels):
    x, each = picture(2, channels, 3, 3), {8: 8, 12: 4, 16: 8, 20: 4}[channels]
    scale = torch.arange(1, channels // each + 1).repeat_interleave(each)[:, None, None]
    y = norm(channels)(x * scale).detach()
    close(y, norm(channels)(x).detach(), 1e-3)
    assert y.unflatten(1, (-1, each)).mean((2, 3, 4)).abs().max() < 1e-5


def test_attention_is_the_softmax_of_scaled_products_around_a_skip():
    layer, x = woken(Attention(16)).double(), normal(3, 16, 4, 5)
    rows = layer.qkv(layer.norm(x)).flatten(2).transpose(1, 2)  # (3, 20, 48)
    q, k, v = rows[..., :16], rows[..., 16:32], rows[..., 32:]
    looked = torch.softmax(q @ k.transpose(1, 2) / 16**0.5, -1) @ v
    close(layer(x), x + layer.out(looked.transpose(1, 2).reshape(x.shape)), 1e-10)
    assert not torch.allclose(layer(x), x, atol=1e-2)


def test_a_new_attention_changes_nothing():
    x = normal(3, 16, 4, 5, dtype=torch.float32)
    assert torch.equal(Attention(16)(x), x)


@pytest.mark.parametrize("levels", [(), (0,), (1,), (0, 1)])
def test_attention_ends_each_block_of_the_levels_that_ask_for_it_and_the_middle_s(levels):
    """On a level there are one block down and two up, and 8 times 8 pixels, or a quarter of them."""
    seen, net = [], UNet(width=8, attention=levels)
    for layer in net.modules():
        if isinstance(layer, Attention):
            layer.register_forward_hook(lambda _, args, out: seen.append(out[0, 0].numel()))
    net(picture(2, 1, 8, 8), torch.tensor([1, 2]))
    blocks = [64] * 3 * (0 in levels) + [16] * (3 * (1 in levels) + bool(levels))
    assert sorted(seen, reverse=True) == blocks


def test_a_unet_with_attention_is_saved_and_loaded_and_one_without_has_the_weights_it_had(tmp_path):
    net = woken(UNet(width=8, attention=(1,)))
    save(Denoiser(net, cosine(20), Eps()), tmp_path / "a.safetensors")
    again, x, t = load(tmp_path / "a.safetensors").net, picture(2, 1, 8, 8), torch.tensor([3, 4])
    assert again.config == net.config
    assert torch.equal(again(x, t), net(x, t))
    assert not any("attend" in name for name in UNet().state_dict())
