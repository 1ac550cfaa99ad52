"""The model of Metier's presets in plain PyTorch, to be timed beside `jobs/run bench` on the same machine.

A decoder of the Qwen3-MoE kind: RMS norms before each half-block, rotary embedding, grouped-query attention with
normalised queries and keys, a softmax router over all experts whose top k share the weight, SwiGLU experts, no biases.
One step is forward, cross-entropy plus the balance loss E * sum(f_e * P_e), backward, clipping to norm 1 and AdamW, on
random tokens. Prints one line in the form of `jobs/run bench`: medians over the timed steps.
"""

import argparse
import statistics
import time
from dataclasses import dataclass

import torch
import torch.multiprocessing as multiprocessing
import torch.nn.functional as F
from torch import nn

BATCH = 8
FEWEST_WARMUP_STEPS = 3


@dataclass(frozen=True)
class Config:
    """Sizes under the names of conf/model/*.conf."""

    vocab_size: int
    hidden_size: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    num_experts: int
    top_k: int
    expert_size: int
    sequence_length: int


CONFIGS = {
    "tiny": Config(4096, 128, 4, 4, 2, 32, 16, 2, 128, 256),
    "small": Config(8192, 256, 6, 8, 4, 32, 32, 4, 256, 512),
    "medium": Config(16384, 512, 8, 8, 4, 64, 32, 4, 512, 512),
}


def matrix(*shape):
    return nn.Parameter(0.02 * torch.randn(*shape))


class RmsNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-6) * self.weight


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.norm = RmsNorm(c.hidden_size)
        self.query_norm, self.key_norm = RmsNorm(c.head_dim), RmsNorm(c.head_dim)
        self.query = matrix(c.num_heads * c.head_dim, c.hidden_size)
        self.key = matrix(c.num_kv_heads * c.head_dim, c.hidden_size)
        self.value = matrix(c.num_kv_heads * c.head_dim, c.hidden_size)
        self.out = matrix(c.hidden_size, c.num_heads * c.head_dim)

    def forward(self, x, rotation):
        y = self.norm(x)
        query = rotated(self.query_norm(self.heads(y, self.query)), rotation)
        key = rotated(self.key_norm(self.heads(y, self.key)), rotation)
        value = self.heads(y, self.value)
        shared_by = self.c.num_heads // self.c.num_kv_heads
        key, value = (t.repeat_interleave(shared_by, dim=1) for t in (key, value))
        attended = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        return x + F.linear(attended.transpose(1, 2).flatten(2), self.out)

    def heads(self, y, weight):
        """[B, T, d] to [B, heads, T, head_dim]."""
        return F.linear(y, weight).unflatten(-1, (-1, self.c.head_dim)).transpose(1, 2)


def rotated(x, rotation):
    cos, sin = rotation
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


class Experts(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.norm = RmsNorm(c.hidden_size)
        self.router = matrix(c.num_experts, c.hidden_size)
        # a parameter for each expert: slices of one large parameter would cost a large gradient each
        self.gate_up = nn.ParameterList(matrix(2 * c.expert_size, c.hidden_size) for _ in range(c.num_experts))
        self.down = nn.ParameterList(matrix(c.hidden_size, c.expert_size) for _ in range(c.num_experts))

    def forward(self, x):
        """Returns the layer's output and its balance loss."""
        c = self.c
        y = self.norm(x).flatten(0, 1)
        probabilities = F.linear(y, self.router).softmax(-1)
        gates, experts = probabilities.topk(c.top_k, dim=-1)
        gates = gates / gates.sum(-1, keepdim=True)
        counts = torch.bincount(experts.flatten(), minlength=c.num_experts)
        slots = experts.flatten().argsort(stable=True)
        tokens = slots // c.top_k
        outs = []
        for expert, rows in enumerate(y[tokens].split(counts.tolist())):
            if len(rows) > 0:
                gate, up = F.linear(rows, self.gate_up[expert]).chunk(2, dim=-1)
                outs.append(F.linear(F.silu(gate) * up, self.down[expert]))
        weighted = torch.cat(outs) * gates.flatten()[slots].unsqueeze(-1)
        out = torch.zeros_like(y).index_add_(0, tokens, weighted)
        frequencies = counts / counts.sum()
        balance = c.num_experts * (frequencies * probabilities.mean(0)).sum()
        return x + out.view_as(x), balance


class LanguageModel(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.embedding = matrix(c.vocab_size, c.hidden_size)
        self.layers = nn.ModuleList(nn.ModuleList((Attention(c), Experts(c))) for _ in range(c.num_layers))
        self.norm = RmsNorm(c.hidden_size)
        self.head = matrix(c.vocab_size, c.hidden_size)
        frequencies = 10000.0 ** (-torch.arange(0, c.head_dim, 2) / c.head_dim)
        angles = torch.outer(torch.arange(c.sequence_length), frequencies)
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())

    def forward(self, inputs, targets):
        """Returns cross-entropy and balance loss, both means."""
        x = F.embedding(inputs, self.embedding)
        balance = 0.0
        for attention, experts in self.layers:
            x = attention(x, (self.cos, self.sin))
            x, layer_balance = experts(x)
            balance = balance + layer_balance / self.c.num_layers
        logits = F.linear(self.norm(x), self.head)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten()), balance


class Training:
    """One replica and its random tokens."""

    def __init__(self, config, seed, compiled):
        torch.manual_seed(seed)
        self.model = LanguageModel(config)
        self.forward = torch.compile(self.model) if compiled else self.model
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=3e-4, fused=True)
        self.tokens = torch.randint(0, config.vocab_size, (BATCH, config.sequence_length + 1))

    def step(self):
        """One step; returns its cross-entropy."""
        cross_entropy, balance = self.forward(self.tokens[:, :-1], self.tokens[:, 1:])
        (cross_entropy + 0.01 * balance).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return cross_entropy.item()


def work(worker, options, phase, results):
    """One worker: warms up, times its steps while all others work, too, and reports them."""
    torch.set_num_threads(options.threads)
    training = Training(CONFIGS[options.config], options.seed + worker, options.compile)
    began, steps, warm = time.perf_counter(), 0, False
    while not all_in(phase, 1):
        training.step()
        steps += 1
        if not warm and steps >= FEWEST_WARMUP_STEPS and time.perf_counter() - began >= options.warmup_seconds:
            phase[worker] = 1
            warm = True
    seconds = []
    for _ in range(options.steps):
        start = time.perf_counter()
        loss = training.step()
        seconds.append(time.perf_counter() - start)
    phase[worker] = 2
    while not all_in(phase, 2):
        training.step()
    results.put((statistics.median(seconds), loss))


def all_in(phase, number):
    return all(p >= number for p in phase)


def run(options):
    """Median seconds of a step and its loss, for each worker."""
    context = multiprocessing.get_context("spawn")
    phase = context.Array("i", options.workers)
    results = context.SimpleQueue()
    workers = [context.Process(target=work, args=(w, options, phase, results)) for w in range(options.workers)]
    for process in workers:
        process.start()
    while any(process.is_alive() for process in workers):
        for process in workers:
            process.join(0.1)
        if any(process.exitcode for process in workers):
            for process in workers:
                process.terminate()
            raise SystemExit("torch_moe.py: a worker failed; its message is above")
    return [results.get() for _ in workers]


def line(options, measured):
    c = CONFIGS[options.config]
    total = sum(p.numel() for p in LanguageModel(c).parameters())
    idle = c.num_layers * (c.num_experts - c.top_k) * 3 * c.hidden_size * c.expert_size
    active = total - idle - c.vocab_size * c.hidden_size
    tokens = BATCH * c.sequence_length
    attention = 6 * c.num_layers * tokens * c.sequence_length * c.num_heads * c.head_dim
    seconds = statistics.mean(s for s, _ in measured)
    loss = statistics.mean(l for _, l in measured)
    return (
        f"torch {torch.__version__} {options.config}{' compiled' if options.compile else ''}"
        f" {options.workers} x {options.threads} threads:"
        f" {total / 1e6:.1f}M params ({active / 1e6:.1f}M active w/o embedding)"
        f" {options.workers * tokens / seconds:.0f} tokens/s {seconds * 1e3:.0f} ms/step"
        f" {options.workers * (6 * active * tokens + attention) / seconds / 1e9:.1f} GFLOP/s loss {loss:.3f}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", choices=CONFIGS)
    parser.add_argument("--workers", type=int, default=1, help="processes side by side (default 1)")
    parser.add_argument("--threads", type=int, default=2, help="threads of each (default 2)")
    parser.add_argument("--compile", action="store_true", help="through torch.compile")
    parser.add_argument("--steps", type=int, default=10, help="timed steps of each worker (default 10)")
    parser.add_argument("--warmup-seconds", type=float, default=5, help="least time before them (default 5)")
    parser.add_argument("--seed", type=int, default=0, help="decides weights and tokens (default 0)")
    options = parser.parse_args()
    print(line(options, run(options)))


if __name__ == "__main__":
    main()
