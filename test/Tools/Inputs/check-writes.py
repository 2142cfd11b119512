"""Runs a command and prints each write to its standard output on a line of its own.

usage: check-writes.py COMMAND ...
"""
import socket
import subprocess
import sys

mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
run = subprocess.Popen(sys.argv[1:], stdout=its)
its.close()
while packet := mine.recv(65536):
    print(repr(packet.decode()))
sys.exit(run.wait())
