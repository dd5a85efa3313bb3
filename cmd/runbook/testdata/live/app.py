"""The program of the user: the root of a tree of stand-ins."""
import actor

if __name__ == "__main__":
    actor.root()
