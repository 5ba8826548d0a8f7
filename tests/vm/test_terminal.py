"""Terminals: a master received over the console socket, and the caller's own under `nacre run -t`."""

import signal

from harness import reaper
from harness.console import start_on_terminal


def create_on_terminal(nacre, console_socket, script):
    container = nacre.create(nacre.bundle(script, terminal=True), "--console-socket", console_socket.path)
    return container, console_socket.accept()


def test_the_size_of_the_master_is_the_size_inside(nacre, console_socket):
    container, terminal = create_on_terminal(nacre, console_socket, "trap 'stty size' WINCH; read line; stty size; while :; do read line; done")
    with terminal:
        terminal.resize(33, 101)
        container.start()
        terminal.send("\n")
        terminal.read_until("33 101\r\n")
        terminal.resize(44, 111)
        terminal.read_until("44 111\r\n")
        container.delete(force=True).ok()


def test_closing_the_master_is_a_hang_up_inside(nacre, console_socket):
    container, terminal = create_on_terminal(nacre, console_socket, "trap 'exit 21' HUP; echo ready; sleep 1000 & wait")
    with terminal:
        container.start()
        terminal.read_until("ready")
    assert container.wait() == 21
    container.delete().ok()


def test_the_end_of_the_process_closes_the_terminal(nacre, console_socket):
    container, terminal = create_on_terminal(nacre, console_socket, "tty; exit 5")
    with terminal:
        container.start()
        assert "/dev/pts/" in terminal.read_to_end()
    assert container.wait() == 5
    container.delete().ok()


def test_run_on_a_terminal_is_usable(nacre):
    bundle = nacre.bundle("sh", "-i", terminal=True)
    bundle.process["env"].append("PS1=inside> ")
    name = nacre.new(bundle.write()).id
    process, terminal = start_on_terminal(nacre.command("run", "--bundle", bundle.path, name), rows=40, columns=120,
                                          env=nacre.environment())
    with terminal:
        terminal.read_until("inside> ", timeout=120)
        terminal.send("stty size\n")
        terminal.read_until("40 120\r\n")
        terminal.send("sh -c 'echo u''p; exec sleep 1000'\n")
        terminal.read_until("\nup\r\n")  # in the foreground by now; its typed line has other letters
        terminal.send("\x03")  # Ctrl-C ends the sleep, not the shell
        terminal.read_until("inside> ")
        terminal.send("sleep 999 &\n")
        terminal.read_until("inside> ")
        terminal.send("jobs\n")
        terminal.read_until("Running")
        terminal.read_until("inside> ")
        terminal.send("exit 6\n")
        terminal.read_to_end()
    assert process.wait(60) == 6


def test_exec_on_a_terminal(box, folder):
    process, terminal = start_on_terminal(box.nacre.command("exec", "--tty", box.id, "sh", "-c", "tty; read x; exit 4"),
                                          env=box.nacre.environment())
    with terminal:
        terminal.read_until("/dev/pts/")
        terminal.send("\n")
        terminal.read_to_end()
    assert process.wait(60) == 4


def run_on_terminal(nacre, script):
    bundle = nacre.bundle(script, terminal=True)
    container = nacre.new(bundle)
    process, terminal = start_on_terminal(nacre.command("run", "--bundle", bundle.path, container.id),
                                          env=nacre.environment())
    return container, process, terminal


def test_run_passes_signals_on(nacre):
    _, process, terminal = run_on_terminal(nacre, "trap 'exit 3' TERM; echo up; sleep 1000 & wait")
    with terminal:
        terminal.read_until("up", timeout=120)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 3
    assert nacre.list() == []


def test_a_killed_run_takes_the_container_along(nacre):
    container, process, terminal = run_on_terminal(nacre, "echo up; sleep 1000")
    with terminal:
        terminal.read_until("up", timeout=120)
        sandbox = container.sandbox_pid
        process.kill()
        process.wait()
        assert reaper.wait_gone(sandbox, timeout=60)
    if container.id in [other["id"] for other in nacre.list()]:
        assert container.status == "stopped"
        container.delete(force=True).ok()
