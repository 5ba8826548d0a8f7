"""A state folder as a sandbox process leaves it, without a container: what the operator's tools read."""

import json
import shutil

STATE = {
    "ociVersion": "1.0.2", "status": "running", "pid": 4190000, "rootfs": "/r", "created": "2026-01-01T00:00:00Z",
    "owner": "root",
    "nacre": {"version": "0.1.0", "protocols": {"task": 1, "fd": 1, "holder": 1, "agent": 1, "journal": 1},
              "sandbox_pid": 4190001, "sandbox_start_ticks": 1, "holder_start_ticks": 1, "creator_pid": 4190002,
              "creator_start_ticks": 1, "sandbox_dir": "", "socket": "/run/nacre/s/none"},
}

PHASES = [("create.state", "", 0, 0.6), ("create.sandbox", "", 0.6, 3), ("create.holder", "", 3.6, 2), ("create.task", "", 5.6, 0.4),
          ("config", "", 6, 1.2), ("plugins", "", 7.2, 2.1), ("plan", "", 9.3, 0.1), ("vmm", "qemu", 12, 160),
          ("agent", "", 172, 2900), ("guest.kernel", "", 180, 2400), ("guest.module", "virtio_net", 2600, 40),
          ("guest.module", "9p", 2650, 45), ("guest.module", "overlay", 2700, 30), ("guest.module", "virtio_blk", 2740, 20),
          ("guest-sandbox", "", 3072, 80), ("guest.sandbox", "", 3080, 60), ("rootfs", "a-container-with-a-long-name-of-its-own", 30, 12),
          ("container", "a-container-with-a-long-name-of-its-own", 3160, 420),
          ("guest.crun-create", "a-container-with-a-long-name-of-its-own", 3180, 380), ("start", "c1", 3600, 90),
          ("guest.crun-start", "c1", 3610, 75)]


class FakeContainers:
    """Below the root of a Nacre; removed by close()."""

    def __init__(self, nacre):
        self.nacre = nacre
        nacre.root.mkdir(mode=0o711, exist_ok=True)

    def add(self, name, annotations=None, spec=None, log="", phases=PHASES):
        folder = self.nacre.root / name
        folder.mkdir(mode=0o700)
        bundle = self.nacre.folder / f"bundle-{name}"
        bundle.mkdir()
        (bundle / "config.json").write_text(json.dumps(spec or {"ociVersion": "1.0.2"}))
        state = {**STATE, "id": name, "bundle": str(bundle), "annotations": annotations or {}}
        state["nacre"] = {**STATE["nacre"], "sandbox_id": name}
        (folder / "state.json").write_text(json.dumps(state))
        (folder / "sandbox.log").write_text(log)
        (folder / "timeline.json").write_text(json.dumps({"phases": [
            {"name": phase, "object": what, "start_ms": start, "duration_ms": duration}
            for phase, what, start, duration in sorted(phases, key=lambda item: item[2])]}))
        return folder

    def close(self):
        shutil.rmtree(self.nacre.root)
