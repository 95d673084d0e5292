#!/usr/bin/env python
"""Headroom's command line: every command lives in an app's `management/commands`."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line

    from config.setting_error import SettingError

    try:
        execute_from_command_line(sys.argv)
    except SettingError as error:
        sys.exit(f"headroom: {error}")


if __name__ == "__main__":
    main()
