"""What runs inside the sandbox, beside the student's code; of ours it imports itself and `course_lib.exercise`."""
