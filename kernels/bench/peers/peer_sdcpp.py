"""stable-diffusion.cpp, by its command line. Usage: peer_sdcpp.py PART MODEL SD_CLI THREADS

One evaluation of the UNet a step (guidance 1), weights in f16, flash attention. Its log tells when a phase ends; the processor time of the
program at those moments is the kernel's. What follows the phase that is asked for is not waited for.
"""
import json
import os
import subprocess
import sys
import time

import worker

part, model, cli, threads = sys.argv[1:5]
name, *rest = part.split('-')
side = {'unet': lambda: int(rest[0]) * 8, 'vae': lambda: 512, 'clip': lambda: 64, 'first': lambda: 512}[name]()
steps = 2 if name == 'unet' else 1
ends = {'unet': 'sampling completed', 'vae': 'decode_first_stage completed', 'clip': 'get_learned_condition completed', 'first': 'sampling completed'}[name]
begins = {'unet': 'get_learned_condition completed', 'vae': 'sampling completed', 'clip': 'generate_image', 'first': 'get_learned_condition completed'}[name]


def processor_time(pid):
    fields = open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def run():
    """Returns processor and wall seconds of the phase, by step, and the program's peak memory."""
    program = subprocess.Popen([cli, '-m', model, '-p', 'a portrait', '--steps', str(steps), '--cfg-scale', '1', '-H', str(side), '-W', str(side),
                                '-t', threads, '--type', 'f16', '--prediction', 'eps', '--sampling-method', 'euler', '--diffusion-fa', '-v',
                                '-o', '/dev/null'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace')
    began, log = None, []
    try:
        for line in program.stdout:
            log.append(line)
            now = processor_time(program.pid), time.perf_counter()
            if ends in line and began:
                return [(to - since) / steps for to, since in zip(now, began)] + [worker.peak_memory(program.pid)]
            if begins in line:
                began = now
    finally:
        program.kill()
        program.wait()
    raise SystemExit(f'sd-cli did not get to "{ends}":\n' + ''.join(log[-20:]))


if name == 'first':
    run()
    worker.stepped()
    sys.exit()
for _ in sys.stdin:
    cpu, wall, memory = run()
    print(json.dumps({'cpu_seconds': cpu, 'wall_seconds': wall, 'ran_in': 'f16 weights, f32 sums', 'program_rss_mb': memory}), flush=True)
