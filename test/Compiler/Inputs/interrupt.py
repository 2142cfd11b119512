"""interrupt.py SIGNAL <default|ignore> FOLDER COMMAND...: sends SIGNAL to COMMAND as soon as it has a scratch folder in FOLDER (its TMPDIR); prints how it
ended and what it left there."""
import os
import signal
import subprocess
import sys
import time

number = getattr(signal, sys.argv[1])
folder = sys.argv[3]
os.makedirs(folder)


def before():
    signal.signal(number, signal.SIG_IGN if sys.argv[2] == "ignore" else signal.SIG_DFL)


process = subprocess.Popen(sys.argv[4:], env={**os.environ, "TMPDIR": folder}, preexec_fn=before)
while not os.listdir(folder):
    assert process.poll() is None, "it ended before it had a scratch folder"
    time.sleep(0.01)
process.send_signal(number)
code = process.wait()
print("exit code", code if code >= 0 else signal.Signals(-code).name)
print("left:", os.listdir(folder))
