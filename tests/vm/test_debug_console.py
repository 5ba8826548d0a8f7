"""The debug console: a shell in the guest, outside of the container, only where the configuration has it on."""

from harness.console import start_on_terminal


def test_it_is_off_unless_switched_on(box):
    done = box.nacre("debug-console", box.id)
    assert done.code == 1 and "debug_console_enabled" in done.err, done


def test_a_shell_in_the_guest_on_the_callers_terminal(nacre):
    nacre.configure({"agent.nacre.debug_console_enabled": True})
    container = nacre.create(nacre.bundle("sleep 1000")).start()
    process, terminal = start_on_terminal(nacre.command("debug-console", container.id), rows=31, columns=97,
                                          env=nacre.environment())
    with terminal:
        terminal.read_until("guest# ")
        terminal.send("stty size\n")
        terminal.read_until("31 97\r\n")
        terminal.send("cat /proc/1/comm\n")
        terminal.read_until("\r\ninit\r\n")
        terminal.send("exit\n")
        assert process.wait(60) == 0
    piped = nacre("debug-console", container.id, input=b"echo $((6 * 7))\n")
    assert "\r\n42\r\n" in piped.ok().out
    container.delete(force=True).ok()
    container.wait()


def test_a_caller_that_is_killed_leaves_no_shell(nacre):
    nacre.configure({"agent.nacre.debug_console_enabled": True})
    container = nacre.create(nacre.bundle("sleep 1000")).start()
    process, terminal = start_on_terminal(nacre.command("debug-console", container.id), env=nacre.environment())
    with terminal:
        terminal.read_until("guest# ")
        terminal.send("exec sleep 12345\n")
        process.kill()
        process.wait()
    words = "while ps | grep -q '[s]leep 12345'; do sleep 1; done; echo gone\n"
    assert "gone\r\n" in nacre("debug-console", container.id, input=words.encode(), timeout=60).ok().out
    container.delete(force=True).ok()
    container.wait()
