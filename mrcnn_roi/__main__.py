"""python -m mrcnn_roi"""

from mrcnn_roi.cli import main

if __name__ == "__main__":
    main()
