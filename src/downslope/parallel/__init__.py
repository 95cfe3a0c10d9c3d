"""Devices and processes: so far, whether this process is one of several of a job."""

from downslope.parallel._launch import Launch, check_one_process, launched

__all__ = ["Launch", "check_one_process", "launched"]
