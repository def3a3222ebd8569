#!/usr/bin/env python3
"""Writes the table of results.json between the markers in the README. Usage: table.py results.json README.md"""
import json
import pathlib
import sys

from parts import PARTS

BEGIN, END = '<!-- speed: written by kernels/bench/peers/table.py -->\n', '<!-- end of speed -->\n'

PEERS = {
    'sowgen-f32': 'sowgen', 'sowgen-mixed': 'sowgen mixed', 'torch-f32': 'PyTorch f32', 'torch-bf16': 'PyTorch bf16',
    'openvino-f32': 'OpenVINO f32', 'openvino-bf16': 'OpenVINO bf16', 'sdcpp-f16': 'stable-diffusion.cpp f16',
}
WORK = {
    'clip': 'text encoder', 'attention-4096x4096-5x64': 'attention 4096², 5 heads of 64', 'attention-4096x4096-5x64-regions': '… with a mask (sowgen: region rules)',
    'unet-32-b1': 'UNet, 32×32 latents', 'unet-64-b1': 'UNet, 64×64 latents', 'unet-64-b4': '… for four prompts', 'vae-encode-512': 'VAE encode 512²',
    'vae-decode-512': 'VAE decode 512²', 'cow-128': 'COW picture, built-in model, 128²', 'cow-512-c1': 'COW picture 512², one cycle',
    'cow-512': 'COW picture 512², ten cycles (reckoned)', 'first-step': 'from the start of the program to the end of the first step',
}


def seconds(run, threads):
    """The processor's seconds on one thread, where they are the same as an idle machine's clock; the clock's on more."""
    return run.get('cpu_seconds' if threads == 1 and 'cpu_seconds' in run else 'wall_seconds')


def reckon(runs):
    """Adds COW's ten cycles from what was measured of one: the nine others are 72 more evaluations of the UNet. That sowgen shares work between
    the four prompts of a step is not counted."""
    for threads in threads_in(runs):
        one, evaluation = runs.get(f'cow-512-c1/{threads}', {}), runs.get(f'unet-64-b1/{threads}', {})
        for peer in one:
            if 'error' not in one[peer] and 'error' not in evaluation.get(peer, {'error': ''}):
                runs.setdefault(f'cow-512/{threads}', {})[peer] = {
                    key: one[peer][key] + 72 * evaluation[peer][key] for key in ('cpu_seconds', 'wall_seconds')}


def threads_in(runs):
    return sorted({int(name.split('/')[1]) for name in runs})


def cell(peer, of, threads):
    """Its seconds, and how many times as long as sowgen in the precision that compares with the peer's."""
    if peer not in of:
        return '–'
    t = seconds(of[peer], threads)
    text = f'{t:.2f}' if t >= 0.995 else f'{t:.3f}'
    ours = of.get('sowgen-mixed' if peer.endswith('bf16') else 'sowgen-f32')
    return text if peer.startswith('sowgen') or not ours else f'{text} ({t / seconds(ours, threads):.2f}×)'


def speed(runs, threads, peers):
    rows = [f'| seconds, {threads} thread{"s" * (threads > 1)} | ' + ' | '.join(PEERS[p] for p in peers) + ' |', '|---' * (len(peers) + 1) + '|']
    for part in PARTS[:-1] + ['cow-512'] + PARTS[-1:]:
        of = {peer: run for peer, run in runs.get(f'{part}/{threads}', {}).items() if 'error' not in run}
        if of:
            rows.append(f'| {WORK[part]} | ' + ' | '.join(cell(p, of, threads) for p in peers) + ' |')
    return rows


def memory(runs, peers):
    rows = ['| peak memory, MB | ' + ' | '.join(PEERS[p] for p in peers) + ' |', '|---' * (len(peers) + 1) + '|']
    for part in ('unet-64-b1', 'vae-decode-512', 'cow-512-c1'):
        of = [runs[name] for name in runs if name.split('/')[0] == part]
        most = {p: max((run[p].get('max_rss_mb', 0) for run in of if p in run), default=0) for p in peers}
        if any(most.values()):
            rows.append(f'| {WORK[part]} | ' + ' | '.join(str(most[p] or '–') for p in peers) + ' |')
    return rows


def others(machine):
    """What else the machine had to do, beyond the two threads at most that were measured."""
    busy = machine.get('load', 0) > 2.5
    return f' The machine was not idle: its load was up to {machine["load"]}.' if busy else ''


def table(results):
    runs, machine = results['runs'], results['machine']
    reckon(runs)
    peers = [p for p in PEERS if any(p in run for run in runs.values())]
    lines = [f'{machine["processor"]}, {"with" if machine["bf16"] else "without"} bf16 instructions, sowgen {machine["sowgen"]}, {machine["date"]}; in brackets '
             'how many times as long as sowgen, in f32, or in mixed where the peer is in bf16. One thread: processor seconds; more: wall seconds.' + others(machine), '']
    for threads in threads_in(runs):
        lines += speed(runs, threads, peers) + ['']
    lines += memory(runs, peers) + ['']
    ran = sorted({f'{PEERS[p]} ran in {run["ran_in"]}' for name in runs for p, run in runs[name].items() if 'ran_in' in run})
    if ran:
        lines += ['; '.join(ran) + '.', '']
    return '\n'.join(lines)


results, readme = (pathlib.Path(name) for name in sys.argv[1:3])
text = readme.read_text()
before, rest = text.split(BEGIN)
after = rest.split(END)[1]
readme.write_text(before + BEGIN + '\n' + table(json.loads(results.read_text())) + END + after)
