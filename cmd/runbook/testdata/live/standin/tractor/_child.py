"""The child of the argv form: what it shows of itself is its command line."""
import argparse
import ast
import os

import actor

if __name__ == "__main__":
    args = argparse.ArgumentParser()
    args.add_argument("--uid", type=ast.literal_eval)
    args.add_argument("--parent_addr", type=ast.literal_eval)
    args.add_argument("--title", action="store_true")
    got = args.parse_args()
    where, what = got.parent_addr  # host and port, or directory and socket
    actor.child(got.uid[0], os.path.join(where, what) if isinstance(what, str) else (where, what), titled=got.title)
