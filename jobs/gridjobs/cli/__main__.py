"""`python -m gridjobs.cli`: the same as `gridjobs`, without need of the script on the path."""

from gridjobs.cli import main

if __name__ == "__main__":
    main()
