"""What a server does in a crowd and when something around it breaks, told as figures."""
