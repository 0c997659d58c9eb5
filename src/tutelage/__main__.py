"""`python -m tutelage`: the command without its script."""

from tutelage.cli import main

if __name__ == "__main__":
    main()
