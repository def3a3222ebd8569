#!/usr/bin/env python3
"""Times sowgen and its peers on the same work, taking turns: run after run, each peer in its own process, on the same processors.

    compare.py MODEL [--out results.json] [--threads 1,2] [--rounds 2] [--parts unet-64-b1,...] [--peers torch-f32,...]

MODEL is a folder of Stable Diffusion 2.1-base in the diffusers layout; random weights do (README.md). Every peer loads what the part needs, runs
once unmeasured, then all take turns, --rounds times; the fastest run of each counts. Results are added to those in --out, by part, threads and
peer, so that a part can be measured again alone. table.py makes README's table of them.
"""
import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import parts
import worker

here = pathlib.Path(__file__).resolve().parent
repository = here.parents[2]

ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
ap.add_argument('model')
ap.add_argument('--out', default='results.json', type=pathlib.Path)
ap.add_argument('--threads', default='1,2', help='numbers of threads; each means the same number of processors')
ap.add_argument('--rounds', default=2, type=int)
ap.add_argument('--parts', default=','.join(parts.PARTS))
ap.add_argument('--peers', default='torch-f32,torch-bf16,openvino-f32,openvino-bf16,sdcpp-f16,sowgen-f32,sowgen-mixed')
ap.add_argument('--emulated', action='store_true', help='run peers in bf16 although the processor has no instructions for it')
ap.add_argument('--sowgen', default='sowgen', help='the program')
ap.add_argument('--sd-cli', help="stable-diffusion.cpp's program")
args = ap.parse_args()

flags = pathlib.Path('/proc/cpuinfo').read_text()
has_bf16 = 'avx512_bf16' in flags or 'amx_bf16' in flags


def peers():
    for peer in args.peers.split(','):
        engine, _, precision = peer.partition('-')
        if precision in ('bf16', 'mixed') and not (has_bf16 or args.emulated):
            print(f'{peer} is left out: this processor has no bf16 instructions')
        elif engine == 'sdcpp' and not args.sd_cli:
            print(f'{peer} is left out: name its program with --sd-cli')
        else:
            yield peer


def command(peer, part, threads):
    """What starts a peer for a part, or None if it cannot do that."""
    engine, _, precision = peer.partition('-')
    model = repository / 'sow/builtin/model' if part == 'cow-128' else args.model
    if engine == 'sdcpp':
        if part.startswith(('attention', 'cow')) or part in ('unet-64-b4', 'vae-encode-512'):
            return None
        words = [sys.executable, here / 'peer_sdcpp.py', part, model, args.sd_cli, threads]
    elif engine == 'openvino' and part == 'cow-128':
        return None  # the built-in model is not converted
    elif engine != 'sowgen':
        words = [sys.executable, here / f'peer_{engine}.py', part, model, precision, threads]
    elif part == 'first-step':
        words = [args.sowgen, 'generate', '--method', 'text', '--model', model, '--size', '512x512', '--prompt', 'a portrait', '--guidance', 1,
                 '--steps', 1, '--threads', threads, '-o', pathlib.Path(tempfile.gettempdir()) / 'sowgen-first-step.png']
    else:
        words = [args.sowgen, 'bench', '--model', model, '--only', part, '--threads', threads, '--paced']
    if precision == 'mixed':
        words += ['--precision', precision]
    return [str(word) for word in words]


def start(peer, part, threads, **pipes):
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
    return subprocess.Popen(command(peer, part, threads), stdout=subprocess.PIPE, text=True, errors='replace', env=environment,
                            preexec_fn=lambda: os.sched_setaffinity(0, range(threads)), **pipes)


def one_run(process):
    """Has a peer do the part once, and returns its answer and the most memory it had so far."""
    process.stdin.write('\n')
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f'ended with exit code {process.wait()}')
    answer = json.loads(line)
    memory = answer.get('program_rss_mb', worker.peak_memory(process.pid))  # of a program that the peer started, or its own
    return {key: answer[key] for key in ('cpu_seconds', 'wall_seconds', 'ran_in') if key in answer} | {'max_rss_mb': memory}


def first_step(peer, threads):
    """The time from the start of a program to the end of its first step."""
    began = time.perf_counter()
    process = start(peer, 'first-step', threads, stderr=subprocess.STDOUT)
    try:
        if any('decoding' in line for line in process.stdout):
            return {'wall_seconds': time.perf_counter() - began}
        raise RuntimeError('ended before its first step')
    finally:
        process.kill()
        process.wait()


def measure(part, threads, log):
    """The fastest run of each peer."""
    able = [peer for peer in chosen if command(peer, part, threads)]
    processes, best = {}, {}
    warm = part not in parts.COLD
    for turn in range(args.rounds + warm):
        for peer in list(able):
            try:
                if part == 'first-step':
                    answer = first_step(peer, threads)
                else:
                    if peer not in processes:
                        processes[peer] = start(peer, part, threads, stdin=subprocess.PIPE, stderr=log)
                    answer = one_run(processes[peer])
            except (RuntimeError, OSError) as error:
                best[peer] = {'error': str(error)}
                able.remove(peer)
                continue
            finally:
                print(f'{part}, {threads} threads, turn {turn}: {peer}', flush=True)
            if turn or not warm:
                best[peer] = fastest(best.get(peer, answer), answer)
        if (turn or not warm) and max([0] + [run.get('wall_seconds', 0) for run in best.values()]) > long:
            break
    for process in processes.values():
        process.kill()
        process.wait()
    return best


def fastest(a, b):
    times = ('cpu_seconds', 'wall_seconds')
    return b | {key: min(a[key], b[key]) for key in times if key in a}


def machine():
    said = lambda name: next((line.split(':')[1].strip() for line in flags.splitlines() if line.split('\t')[0] == name), 'unknown')
    model = f'{said("model name")} (family {said("cpu family")}, model {said("model")})'
    return {'processor': model, 'processors': os.cpu_count(), 'bf16': has_bf16, 'date': datetime.date.today().isoformat(),
            'sowgen': subprocess.run(['git', '-C', repository, 'rev-parse', '--short', 'HEAD'], capture_output=True, text=True).stdout.strip()}


long = 15  # seconds: such runs are not repeated
chosen = list(peers())
results = json.loads(args.out.read_text()) if args.out.exists() else {'runs': {}}
results['machine'] = results.get('machine', {}) | machine()
for threads in map(int, args.threads.split(',')):
    for part in args.parts.split(','):
        with open(args.out.with_suffix('.log'), 'a') as log:
            results['runs'].setdefault(f'{part}/{threads}', {}).update(measure(part, threads, log))
        results['machine']['load'] = max(results['machine'].get('load', 0), round(os.getloadavg()[0], 1))
        args.out.write_text(json.dumps(results, indent=1) + '\n')
